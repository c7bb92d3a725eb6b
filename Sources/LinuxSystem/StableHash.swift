// SPDX-License-Identifier: MIT

/// A hash that is the same on every run and machine, unlike `Hasher`: names made from it survive a reboot.
package enum StableHash {
    /// FNV-1a over the UTF-8 of `text`, then an avalanche so that short names that differ little differ a lot.
    package static func hash(_ text: String) -> UInt64 {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        value = (value ^ (value >> 33)) &* 0xff51_afd7_ed55_8ccd
        return value ^ (value >> 33)
    }

    /// 16 hexadecimal digits.
    package static func hexadecimal(_ text: String) -> String {
        let digits = String(hash(text), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
