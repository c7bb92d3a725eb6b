// SPDX-License-Identifier: MIT
import LinuxSystem
import SystemPackage

/// A setting that goes with its directory, or with the link in it, and has to come back with them.
struct KeptSetting {
    /// Relative to the directory.
    let file: String
    /// What the kernel gives a new one.
    let initial: String
    /// What the kernel puts before the value.
    var title = ""
    /// What is read for the numbers from 0 that are written.
    var words: [String] = []

    static let ofTarget = [KeptSetting(file: "param/cmd_completion_affinity", initial: "-1")]
    static let ofGroup = [KeptSetting(file: "attrib/fabric_prot_type", initial: "0")]
    /// The ALUA target port group of a LUN, which goes with its link.
    static let aluaGroup = KeptSetting(
        file: "alua_tg_pt_gp",
        initial: "default_tg_pt_gp",
        title: "TG Port Alias: "
    )
    /// A name that is empty here differs from one kind of backstore to another.
    static let ofBackstore = [
        KeptSetting(file: "alias", initial: ""), KeptSetting(file: "wwn/vendor_id", initial: ""),
        KeptSetting(file: "wwn/product_id", initial: ""), KeptSetting(file: "wwn/revision", initial: ""),
        KeptSetting(file: "wwn/company_id", initial: ""),
        KeptSetting(file: "alua_lu_gp", initial: "default_lu_gp", title: "LU Group Alias: "),
    ]
    /// In this order, because a new state needs the first type and support, waits for the delay, and sets the status.
    static let ofALUAGroup =
        [KeptSetting(file: "alua_access_state", initial: "0")]
        + [
            "transitioning", "offline", "lba_dependent", "unavailable", "standby", "active_optimized",
            "active_nonoptimized",
        ].map { KeptSetting(file: "alua_support_\($0)", initial: "1") }
        + ["alua_write_metadata", "trans_delay_msecs", "implicit_trans_secs", "preferred"].map {
            KeptSetting(file: $0, initial: "0")
        }
        + [
            KeptSetting(file: "nonop_delay_msecs", initial: "100"),
            KeptSetting(
                file: "alua_access_type",
                initial: "Implicit and Explicit",
                words: SaveConfig.aluaTypes
            ),
            KeptSetting(
                file: "alua_access_status",
                initial: "None",
                words: ["None", "Altered by Explicit STPG", "Altered by Implicit ALUA"]
            ),
        ]
    /// What can be read while there is a link. In this order, because to set whether it is offline sets its status.
    static let ofUnit = [
        KeptSetting(file: "alua_tg_pt_write_md", initial: "0"),
        KeptSetting(file: "alua_tg_pt_status", initial: "0"),
        KeptSetting(file: "alua_tg_pt_offline", initial: "0"), aluaGroup,
    ]
    /// Those that do not depend on what the link leads to, in the order in which a new unit takes them.
    static let ofUnitAlone = Array(ofUnit.dropLast().reversed())
}

extension TreeDirectory {
    fileprivate func value(of setting: KeptSetting) throws(OperationError) -> String? {
        guard let text = try attribute(setting.file), text.hasPrefix(setting.title) else { return nil }
        return String(text.dropFirst(setting.title.count))
    }

    /// The settings that are not what the kernel gives a new directory, with what they are.
    fileprivate func changed(_ settings: [KeptSetting]) throws(OperationError) -> [(KeptSetting, String)] {
        var changed: [(KeptSetting, String)] = []
        for setting in settings {
            guard let value = try value(of: setting), value != setting.initial else { continue }
            changed.append((setting, setting.words.firstIndex(of: value).map(String.init) ?? value))
        }
        return changed
    }
}

extension TargetTree {
    /// The steps that make settings what a new directory has: taking them back makes them what they were.
    func resets(_ settings: [KeptSetting], in path: String) throws(OperationError) -> Plan.Unit {
        try open(path)?.changed(settings).map { setting, value in
            .write(setting.initial, to: FilePath(path).pushing(FilePath(setting.file)), replacing: value)
        } ?? []
    }

    /// The steps that make settings of a new directory what they are now.
    func copies(_ settings: [KeptSetting], in path: String) throws(OperationError) -> Plan.Unit {
        try open(path)?.changed(settings).map { setting, value in
            .write(value, to: FilePath(path).pushing(FilePath(setting.file)), replacing: nil)
        } ?? []
    }

    /// The steps that take a LUN's link away, with the settings that go with it, or with what goes after it.
    func release(
        of lun: LogicalUnit,
        _ settings: [KeptSetting] = [KeptSetting.aluaGroup]
    ) throws(OperationError) -> Plan.Unit {
        guard let link = lun.link, let backstore = lun.backstore else { return [] }
        return try resets(settings, in: lun.path) + [.unlink(FilePath(link), from: FilePath(backstore))]
    }

    /// The ALUA target port group of a LUN, from its `alua_tg_pt_gp` file; nil where it has none.
    func aluaGroup(of lun: String) throws(OperationError) -> String? {
        try open(lun)?.value(of: KeptSetting.aluaGroup)
    }
}
