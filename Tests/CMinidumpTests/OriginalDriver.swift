// SPDX-License-Identifier: MIT
import Glibc

/// A model of what the original driver did around its tables: its flags, and what it made of errors.
struct OriginalDriver {
    /// What looking for the shared memory's node finds.
    var nodeIsThere = true
    /// What getting the item fails with, or 0.
    var itemStatus: Int32 = 0
    /// Whether there is memory for the header.
    var headerAllocates = true

    /// What a reader sees.
    private(set) var entryIsEnabled = false
    private(set) var tableIsFreed = false

    private var isAvailable = true
    private var initDone = false

    /// `qcom_minidump_ready()`: absence was remembered for good.
    mutating func ready() -> Int32 {
        if !isAvailable || !nodeIsThere {
            isAvailable = false
            return -ENODEV
        }
        return itemStatus
    }

    /// `qcom_minidump_subsystem_desc()`: any index of a table that was long enough for ten.
    func descriptor(_ index: UInt32, itemSize: Int, revision: UInt32, enabled: UInt32) -> Int32 {
        itemSize < 336 ? -EINVAL : 0
    }

    /// `qcom_minidump_region_register()` as far as its first call sets things up.
    mutating func register() -> Int32 {
        if initDone { return 0 }
        if itemStatus != 0 { return -EINVAL }
        entryIsEnabled = true
        initDone = true
        if !headerAllocates {
            tableIsFreed = true
            return -ENOMEM
        }
        return 0
    }
}
