// SPDX-License-Identifier: MIT

/// How a logical unit names itself: in its standard INQUIRY data and in the VPD pages 80h and 83h.
public struct UnitIdentity: Hashable, Sendable {
    /// The T10 vendor identification, up to 8 printable ASCII characters.
    public var vendor: String
    /// The product identification, up to 16 printable ASCII characters.
    public var product: String
    /// The product revision level, up to 4 printable ASCII characters.
    public var revision: String
    /// The unit serial number, up to 36 printable ASCII characters; the unit's worldwide name is derived from it, so no
    /// two units may have the same.
    public var serial: String

    public init(
        vendor: String = "RINGSIDE",
        product: String = "virtual disk",
        revision: String = "1",
        serial: String
    ) {
        self.vendor = vendor
        self.product = product
        self.revision = revision
        self.serial = serial
    }
}
