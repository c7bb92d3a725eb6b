// SPDX-License-Identifier: MIT

/// SYNCHRONIZE CACHE and PRE-FETCH.
enum CacheCommands {
    private static let four = [UInt8](repeating: 0xff, count: 4)

    static let rows: [CommandRow] = [
        row(0x35, "SYNCHRONIZE CACHE(10)", [0x02] + four + [0x3f, 0xff, 0xff, 0x04], .writing, synchronize),
        row(
            0x91,
            "SYNCHRONIZE CACHE(16)",
            [0x02] + four + four + four + [0x3f, 0x04],
            .writing,
            synchronize
        ),
        row(0x34, "PRE-FETCH(10)", [0x02] + four + [0x3f, 0xff, 0xff, 0x04], .reading, prefetch),
        row(0x90, "PRE-FETCH(16)", [0x02] + four + four + four + [0x3f, 0x04], .reading, prefetch),
    ]

    private static func row(
        _ opcode: UInt8,
        _ name: String,
        _ usage: [UInt8],
        _ conflict: CommandRow.Conflict,
        _ body: @escaping @Sendable (Command) throws(Refusal) -> Void
    ) -> CommandRow {
        CommandRow(opcode, name, usage: usage, conflict, needsMedium: true, body: .act(body))
    }

    /// Flushes all there is, whatever blocks are named; it answers afterwards even with IMMED. Who asks for it reckons
    /// with a write cache.
    @Sendable
    private static func synchronize(_ command: Command) throws(Refusal) {
        _ = try command.rangeToEnd()
        try command.flush()
        command.unit.change { _ = $0.doubters.remove(command.nexus) }
    }

    /// GOOD says that not all of the blocks were put into a cache of the unit's own, which it does not have.
    @Sendable
    private static func prefetch(_ command: Command) throws(Refusal) {
        _ = try command.rangeToEnd()
    }
}
