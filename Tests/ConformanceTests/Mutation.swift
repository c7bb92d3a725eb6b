// SPDX-License-Identifier: MIT

/// One way in which a device can be broken; the subtle ones first.
enum Mutation: String, CaseIterable, Sendable {
    // What is in a chain that comes back.
    case changesDataEnd, changesDataStart, changesStatus, changesSense, keepsSense, cutsSense
    case changesResidual, clearsResidual, changesTail, changesResponse, spoilsHeader
    case writesBehind, writesReadable
    // How chains come back.
    case changesLength, losesEmpty, returnsBroken, returnsStopped, returnsTwice
    // Whom the device tells.
    case hidesErrors, interruptsAlways, interruptsOthers, mutes, keepsNoNotify, movesAvailableEvent
    case forgetsEventIndex, forgetsNewCall
    // Where it goes on.
    case movesBase, skipsEarly, ignoresDisabling
    // Events.
    case forgetsMissed, inventsMissed, inventsEvents
    // The dirty log.
    case forgetsLog, logsEverything
    // What it says of itself, and what it refuses.
    case offersLess, offersMore, claimsFeatures, hidesProtocol, countsLess
    case acceptsAll, keepsConnection, servesOnce
    // What breaks nearly everything.
    case changesHead, losesSome, refusesSetup, dropsConnection
}
