// SPDX-License-Identifier: MIT
import LinuxSystem

@testable import TargetConfig

func request(_ luns: String..., wwpn: String = "naa.5001405c0ffee001", tag: UInt8 = 1) throws -> TargetRequest
{
    try TargetRequest(wwpn: WWPN(wwpn), tag: TPGTag(tag), luns: luns.map { try LUNSpec($0) })
}

/// The error of something that must fail.
func failure<Value>(_ body: () throws(OperationError) -> Value) throws -> OperationError {
    do throws(OperationError) {
        _ = try body()
    } catch {
        return error
    }
    throw OperationError("expect", "a failure", cause: "there was none")
}
