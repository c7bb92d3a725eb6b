// SPDX-License-Identifier: MIT

/// A mode page: what it says, and the bits that an initiator can change.
struct ModePage: Sendable {
    /// A bit of the page that stands for a setting of the unit.
    struct Switch: Sendable {
        let byte: Int
        let bit: UInt8
        let setting: any WritableKeyPath<UnitSettings, Bool> & Sendable
        /// Whether MODE SELECT changes it.
        let isChangeable: @Sendable (LogicalUnit) -> Bool
    }

    let code: UInt8
    /// The page with its header of two bytes, all switches off.
    let fixed: [UInt8]
    let switches: [Switch]

    /// All pages of the unit, in order.
    static let all: [ModePage] = [
        // Read-write error recovery: nothing is retried or remapped here.
        ModePage(code: 0x01, fixed: page(0x01, 12), switches: []),
        // Caching, with WCE.
        ModePage(
            code: 0x08,
            fixed: page(0x08, 20),
            switches: [Switch(byte: 2, bit: 2, setting: \.writeCache) { $0.store.hasWriteCache }]
        ),
        // Control: GLTSD; commands may be carried out in any order; D_SENSE, SWP
        // and ATO.
        ModePage(
            code: 0x0a,
            fixed: page(0x0a, 12, [2: 0x02, 3: 0x10]),
            switches: [
                Switch(byte: 2, bit: 2, setting: \.descriptorSense) { _ in true },
                Switch(byte: 4, bit: 3, setting: \.softwareWriteProtect) { _ in true },
                Switch(byte: 5, bit: 7, setting: \.applicationTagOwned) { _ in false },
            ]
        ),
        // Informational exceptions: DEXCPT, none are reported.
        ModePage(code: 0x1c, fixed: page(0x1c, 12, [2: 0x08]), switches: []),
    ]

    private static func page(_ code: UInt8, _ size: Int, _ values: [Int: UInt8] = [:]) -> [UInt8] {
        var bytes = [code, UInt8(size - 2)] + [UInt8](repeating: 0, count: size - 2)
        for (index, value) in values { bytes[index] = value }
        return bytes
    }

    /// The page as the settings are.
    func bytes(with settings: UnitSettings) -> [UInt8] {
        var bytes = fixed
        for item in switches where settings[keyPath: item.setting] { bytes[item.byte] |= 1 << item.bit }
        return bytes
    }

    /// The page with ones where MODE SELECT changes something.
    func changeable(on unit: LogicalUnit) -> [UInt8] {
        var bytes = [code, UInt8(fixed.count - 2)] + [UInt8](repeating: 0, count: fixed.count - 2)
        for item in switches where item.isChangeable(unit) { bytes[item.byte] |= 1 << item.bit }
        return bytes
    }

    /// The settings after MODE SELECT has sent the page.
    ///
    /// - Returns: nil, with the offset of the byte at fault, where it would change what cannot be changed.
    func apply(
        _ sent: [UInt8],
        to settings: UnitSettings,
        of unit: LogicalUnit
    ) -> (settings: UnitSettings?, faultyByte: Int) {
        let current = bytes(with: settings)
        let mask = changeable(on: unit)
        for index in 2..<fixed.count where (sent[index] ^ current[index]) & ~mask[index] != 0 {
            return (nil, index)
        }
        var changed = settings
        for item in switches { changed[keyPath: item.setting] = sent[item.byte] >> item.bit & 1 != 0 }
        return (changed, 0)
    }
}
