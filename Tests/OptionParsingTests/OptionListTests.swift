// SPDX-License-Identifier: MIT
import OptionParsing
import Testing

private let known = ["id", "wwpn", "tpgt", "vhostfd"]

private func parse(_ text: String) throws -> OptionList { try OptionList(text, known: known) }

private func number<Number: FixedWidthInteger>(_ value: String, as type: Number.Type) throws -> Number? {
    try parse("tpgt=\(value)").number("tpgt", as: type)
}

@Suite struct OptionListTests {
    @Test func pairsKeepTheirOrderAndPosition() throws {
        let list = try parse("id=vhost-scsi0,wwpn=naa.5,tpgt=1")
        #expect(list.options.map(\.key) == ["id", "wwpn", "tpgt"])
        #expect(list.options.map(\.position) == [1, 16, 27])
        #expect(list["wwpn"] == "naa.5")
        #expect(list["vhostfd"] == nil)
        #expect(try parse("").options.isEmpty)
    }

    @Test(arguments: [
        ("wwpn=a,,b", "a,b"), ("wwpn=,,", ","), ("wwpn=a,,", "a,"), ("wwpn=,,,,", ",,"), ("wwpn=a=b", "a=b"),
        ("wwpn=,,x,,,,y", ",x,,y"),
    ])
    func aDoubledCommaIsOneCommaInTheValue(text: String, value: String) throws {
        let list = try parse(text)
        #expect(list["wwpn"] == value)
        #expect(list.description == text)
    }

    @Test func aDoubledCommaDoesNotEndThePair() throws {
        let list = try parse("wwpn=a,,tpgt=1,id=x")
        #expect(list["wwpn"] == "a,tpgt=1")
        #expect(list["tpgt"] == nil)
        #expect(list.option("id")?.position == 16)
    }

    @Test(arguments: [
        ("id=a,wwpm=b", "option \"wwpm\" at character 6: no such option; did you mean \"wwpn\"?"),
        ("boot=1", "option \"boot\" at character 1: no such option; there are id, wwpn, tpgt, vhostfd"),
        ("id=a,tpgt", "option \"tpgt\" at character 6: no value; write tpgt=VALUE"),
        ("id=,tpgt=1", "option \"id\" at character 1: no value; write id=VALUE"),
        ("id=a,id=b", "option \"id\" at character 6: given before, at character 1"),
        (
            "id=a,",
            "option at character 6: nothing stands between the commas (write two commas for one comma in a value)"
        ),
        ("=a", "option at character 1: no such option; there are id, wwpn, tpgt, vhostfd"),
    ])
    func aBadListNamesKeyAndPosition(text: String, message: String) {
        let error = #expect(throws: OptionError.self) { try parse(text) }
        #expect(error?.description == message)
    }

    @Test func numbersAreDecimalOrHexadecimal() throws {
        #expect(try number("65535", as: UInt16.self) == 65535)
        #expect(try number("0xff", as: UInt16.self) == 255)
        #expect(try number("-3", as: Int.self) == -3)
        #expect(try parse("id=a").number("tpgt", as: UInt16.self) == nil)
    }

    @Test(arguments: ["65536", "-1", "1.5", "1 ", "+1", "0x", "0x+1", "x", "0x10000"])
    func anythingElseIsNotANumber(value: String) {
        let error = #expect(throws: OptionError.self) { try number(value, as: UInt16.self) }
        let words = "option \"tpgt\" at character 1: \"\(value)\" is not a whole number from 0 to 65535"
        #expect(error?.description == words)
    }
}
