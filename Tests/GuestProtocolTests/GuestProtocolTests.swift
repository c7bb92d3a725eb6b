// SPDX-License-Identifier: MIT
import GuestProtocol
import LinuxSystem
import Testing

@Suite struct MessageTests {
    static let all: [Message] = [
        .run(session: 1, GuestCommand(arguments: ["sh", "-c", ""], environment: ["A=b c", "E="])),
        .run(
            session: 9,
            GuestCommand(arguments: ["sh"], terminal: TerminalSize(rows: 24, columns: 80))
        ),
        .resize(session: 9, TerminalSize(rows: 50, columns: 300)),
        .tainted(1 << 18 | 512),
        .stopped(reason: "the kernel panicked"),
        .input(session: 2, [0, 255, 10]),
        .input(session: 2, []),
        .signal(session: 65535, number: 15),
        .mount(session: 8, GuestMount(tag: "share0", target: "/a b", isWritable: true)),
        .mount(session: 8, GuestMount(tag: "root", target: "/", isRoot: true)),
        .wake(GuestWake(time: 1 << 60, seed: [1, 2, 3])),
        .hold(session: 4, isOn: true),
        .hold(session: 4, isOn: false),
        .powerOff,
        .hello(release: "6.1.0-56-amd64"),
        .output(session: 3, Array(repeating: 7, count: 100_000)),
        .errorOutput(session: 4, [1]),
        .exited(session: 5, status: 137),
        .failed(session: 6, errno: 2),
        .kernelLog(["6,1,2,-;text", "", "4,2,3,-;äöü"]),
    ]

    @Test func aCommandsSizeIsThatOfItsPayload() {
        for command in [
            GuestCommand(arguments: ["sh", "-c", "äö"], environment: ["A=b"]), GuestCommand(arguments: ["a"]),
        ] {
            #expect(Message.run(session: 1, command).encoded().count == 8 + command.size)
        }
    }

    @Test(arguments: all.indices) func survivesTheWire(index: Int) throws {
        let message = Self.all[index]
        var decoder = MessageDecoder()
        decoder.append(message.encoded())
        #expect(try decoder.next() == message)
        #expect(try decoder.next() == nil)
        #expect(decoder.pendingByteCount == 0)
    }

    @Test(arguments: all.indices) func anotherSessionChangesNothingElse(index: Int) {
        let message = Self.all[index]
        let other = message.renumbered(77)
        #expect(other.session == (message.session == nil ? nil : 77))
        #expect(other.renumbered(message.session ?? 0) == message)
    }

    @Test(arguments: [1, 3, 7, 4096]) func framesMayBeCutAnywhere(size: Int) throws {
        let stream = Self.all.flatMap { $0.encoded() }
        var decoder = MessageDecoder()
        var seen: [Message] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            decoder.append(stream[start..<min(start + size, stream.count)])
            while let message = try decoder.next() { seen.append(message) }
        }
        #expect(seen == Self.all)
    }

    @Test(
        arguments: [
            ([0, 0, 0, 0, 99, 0, 0, 0], "a frame of unknown kind 99"),
            ([1, 0, 16, 0, 2, 0, 0, 0], "a frame of 1048577 bytes, more than 1048576"),
            ([0, 0, 0, 0, 1, 0, 0, 0], "a run frame of 0 bytes"),
            (
                [10, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 65, 0],
                "a run frame that counts 2 of 1 strings as arguments"
            ),
            ([2, 0, 0, 0, 6, 0, 0, 0, 0, 0], "a mount of 1 strings instead of 2"),
            ([0, 0, 0, 0, 6, 0, 0, 0], "a mount of 0 strings instead of 2"),
            ([1, 0, 0, 0, 8, 0, 0, 0, 2], "a flag of 1 bytes that is neither 0 nor 1"),
            ([1, 0, 0, 0, 7, 0, 0, 0, 0], "a wake frame of 1 bytes"),
            ([1, 0, 0, 0, 71, 0, 0, 0, 1], "a taint of 1 bytes instead of 8"),
            ([2, 0, 0, 0, 5, 0, 0, 0, 1, 0], "a terminal's size of 2 bytes instead of 4"),
            (
                [8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                "a run frame that counts 0 of 0 strings as arguments"
            ),
            ([1, 0, 0, 0, 3, 0, 0, 0, 9], "a number of 1 bytes instead of 4"),
        ] as [([UInt8], String)]
    ) func aMalformedFrameIsNamed(bytes: [UInt8], description: String) {
        var decoder = MessageDecoder()
        decoder.append(bytes)
        #expect { try decoder.next() } throws: { ($0 as? MalformedFrame)?.description == description }
    }
}
