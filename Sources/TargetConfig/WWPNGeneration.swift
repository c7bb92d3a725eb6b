// SPDX-License-Identifier: MIT
import LinuxSystem

extension WWPN {
    /// The formats of NAA names that can be generated, with the number that an NAA name begins with.
    public enum Format: Int, Sendable, CaseIterable {
        /// IEEE registered: 16 digits, which is what targetcli and libvirt take.
        case naa5 = 5
        /// IEEE registered extended: 32 digits.
        case naa6 = 6
    }

    /// The OUI that LIO's own tools put into names: 00-14-05.
    private static let oui = "001405"

    /// A new name.
    ///
    /// - Parameters:
    ///   - format: how long it is.
    ///   - seed: the same seed gives the same name, on every machine and in every release; by default it is random.
    public init(generating format: Format, seed: String? = nil) {
        let seed = seed ?? "random:\(UInt64.random(in: 0 ... .max)):\(UInt64.random(in: 0 ... .max))"
        let digits = StableHash.hexadecimal("wwpn:\(seed)") + StableHash.hexadecimal("extension:\(seed)")
        let length = format == .naa5 ? 16 : 32
        self.init(naa: "\(format.rawValue)" + Self.oui + digits.suffix(length - 7))
    }
}
