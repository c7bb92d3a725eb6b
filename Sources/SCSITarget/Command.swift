// SPDX-License-Identifier: MIT
import Synchronization
import SystemPackage

/// A command on its way through a logical unit.
struct Command {
    let unit: LogicalUnit
    let block: CommandBlock
    let nexus: Nexus
    /// What the unit's state was when the command was admitted.
    let settings: UnitSettings
    /// The numbers of the units that REPORT LUNS has to tell, in order.
    let luns: [UInt16]
    /// The protection information beside its data.
    let information: SeparateInformation

    /// The unit's block size in bytes.
    var blockSize: Int { unit.store.blockSize }
}

extension Command {
    /// Stops a command whose standing towards reservations depends on its fields.
    func refuseConflict(_ conflict: CommandRow.Conflict) throws(Refusal) {
        if unit.change({ $0.refuses(conflict, from: nexus) }) { throw .reservationConflict }
    }

    /// Calls the store to read.
    func reading<Value>(_ body: () throws(Errno) -> Value) throws(Refusal) -> Value {
        do throws(Errno) { return try body() } catch {
            throw Refusal(error, otherwise: Sense(reading: error))
        }
    }

    /// Calls the store to write or to flush.
    func writing<Value>(_ body: () throws(Errno) -> Value) throws(Refusal) -> Value {
        do throws(Errno) { return try body() } catch {
            throw Refusal(error, otherwise: Sense(writing: error))
        }
    }

    /// Makes written data safe, on a store that has not failed at that yet.
    func flush() throws(Refusal) {
        try writing { () throws(Errno) in
            // A store tells once of a loss: one command at a time asks, and the next knows what it was told.
            try unit.flushing.withLock { _ throws(Errno) in
                if let loss = unit.loss { throw loss }
                do throws(Errno) {
                    try unit.store.flush()
                    try unit.protection?.tuples.flush()
                } catch {
                    if !error.passes { unit.noteLoss(error) }
                    throw error
                }
            }
            // A command that went past the unit may have met one meanwhile.
            if let loss = unit.loss { throw loss }
        }
    }
}

/// Why a command is not carried out.
enum Refusal: Error {
    case check(Sense)
    case reservationConflict
    case busy

    /// What a failure of the store comes to: a shortage that passes is BUSY, all else is for good.
    init(_ error: Errno, otherwise sense: Sense) {
        self = error == .noMemory || error == .resourceTemporarilyUnavailable ? .busy : .check(sense)
    }
}

extension Errno {
    /// Whether a store that fails so has not begun, and may be asked again.
    var passes: Bool { self == .resourceTemporarilyUnavailable || self == .socketNotConnected }
}

/// How much a command moves, in bytes.
struct Transfer {
    /// What it had to move.
    var wanted = 0
    /// What was written to the room for data to the initiator.
    var dataIn = 0
    /// What was taken of the initiator's data.
    var dataOut = 0
    /// The protection information for the initiator, beside the data.
    var information: [UInt8] = []
}

/// A short answer, of which the initiator takes no more than its ALLOCATION LENGTH.
struct ShortAnswer {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8], allocation: Int) {
        self.bytes = bytes.count > allocation ? Array(bytes[..<allocation]) : bytes
    }

    func send(into dataIn: inout MutableSpan<UInt8>) -> Transfer {
        Transfer(wanted: bytes.count, dataIn: dataIn.fill(from: bytes))
    }
}

/// What carries out a command, by the data that it moves.
enum CommandBody: Sendable {
    /// It moves none.
    case act(@Sendable (Command) throws(Refusal) -> Void)
    /// It gives a short answer.
    case answer(@Sendable (Command) throws(Refusal) -> ShortAnswer)
    /// It takes the initiator's data, as many bytes as it returns.
    case take(@Sendable (Command, Span<UInt8>) throws(Refusal) -> Int)
    /// It fills the room for data to the initiator.
    case fill(@Sendable (Command, inout MutableSpan<UInt8>) throws(Refusal) -> Transfer)

    func run(
        _ command: Command,
        _ dataOut: Span<UInt8>,
        _ dataIn: inout MutableSpan<UInt8>
    ) throws(Refusal) -> Transfer {
        switch self {
        case .act(let body):
            try body(command)
            return Transfer()
        case .answer(let body): return try body(command).send(into: &dataIn)
        case .take(let body):
            let count = try body(command, dataOut)
            return Transfer(wanted: count, dataOut: count)
        case .fill(let body): return try body(command, &dataIn)
        }
    }
}
