// SPDX-License-Identifier: MIT
internal import LinuxSystem
internal import SystemPackage

/// What an errno of the device means, in words.
enum VhostFailure {
    private typealias Words = (cause: String, hint: String?)

    static func opening(_ path: FilePath, _ options: VhostSCSIOptions, _ errno: Errno) -> OperationError {
        if let number = options.vhostfd {
            return OperationError("duplicate vhostfd", "\(number) of \(options.id)", errno: errno)
        }
        let words: Words? =
            switch errno {
            case .permissionDenied, .notPermitted:
                (
                    "only root may open it unless its mode was changed",
                    "run as root, or pass a descriptor: vhostfd=N"
                )
            case _ where path != VhostSCSIDevice.defaultPath: nil
            case .noSuchFileOrDirectory, .noSuchAddressOrDevice, .operationNotSupportedByDevice:
                ("the vhost_scsi module is not loaded", "load it: ringside module load vhost_scsi")
            default: nil
            }
        return OperationError("open", path.string, errno: errno, cause: words?.cause, hint: words?.hint)
    }

    static func version(_ version: Int, _ path: FilePath) -> OperationError {
        let known = VhostSCSIDevice.supportedABIVersion
        return OperationError(
            VhostRequest.Name.getABIVersion.rawValue,
            path.string,
            errno: .noFunction,
            cause:
                "the running kernel has vhost-scsi ABI version \(version), and ringside supports up to \(known)",
            hint: "update ringside"
        )
    }

    /// The kernel lacks features that the options ask for.
    static func features(_ missing: VhostFeatures, _ path: FilePath, _ options: VhostSCSIOptions)
        -> OperationError
    {
        let names = missing.names.joined(separator: " ")
        return OperationError(
            "open",
            path.string,
            errno: .notSupported,
            cause: "\(options.id) asks for \(names), which the kernel does not offer"
        )
    }

    static func request(
        _ request: VhostRequest,
        _ path: FilePath,
        _ options: VhostSCSIOptions,
        _ errno: Errno
    ) -> OperationError {
        let device = options.vhostfd.map { "vhostfd \($0)" } ?? path.string
        let words = words(request, options, errno)
        let object = request.detail.isEmpty ? device : "\(device) (\(request.detail))"
        return OperationError(
            request.name.rawValue,
            object,
            errno: errno,
            cause: words?.cause,
            hint: words?.hint
        )
    }

    private static func words(_ request: VhostRequest, _ options: VhostSCSIOptions, _ errno: Errno) -> Words?
    {
        switch (request.name, errno) {
        case (.setOwner, .resourceBusy): ("the device has an owner already", "open the device anew")
        case (.setOwner, .noMemory): ("the kernel has no memory for the device's worker", nil)
        case (.getABIVersion, .inappropriateIOCTLForDevice):
            ("this is not a vhost-scsi device", "give the vhost-scsi device: /dev/vhost-scsi")
        case (_, .inappropriateIOCTLForDevice): ("this is not a vhost device", nil)
        case (_, .notPermitted): ("another process is the device's owner", "open the device anew")
        case (.setEndpoint, _): endpoint(options, errno)
        case (.clearEndpoint, _): clearing(options, errno)
        case (.setFeatures, _): features(errno)
        case (.setMemoryTable, _): memory(errno)
        default: ring(request.name, errno)
        }
    }

    private static func endpoint(_ options: VhostSCSIOptions, _ errno: Errno) -> Words? {
        let object = "TPG of \(options.wwpn)"
        return switch errno {
        // Kernels before 3.9 answer EINVAL where later ones answer ENODEV.
        case .operationNotSupportedByDevice, .invalidArgument:
            (
                "there is no \(object), or none with a nexus, or another device has claimed it",
                "see what is there: ringside target list"
            )
        case .fileExists:
            (
                "the device has an endpoint already (or, before Linux 4.16 or so, there is no free \(object))",
                "close the device that has it"
            )
        case .badAddress: ("there is no memory table, or a ring lies outside of it", nil)
        case .notSupported: ("the kernel wants the reserved field to be 0", nil)
        case .noMemory: ("the kernel has no memory for the ring's commands", nil)
        default: nil
        }
    }

    private static func clearing(_ options: VhostSCSIOptions, _ errno: Errno) -> Words? {
        switch errno {
        case .invalidArgument: ("the endpoint that is set is not \(options.wwpn)", nil)
        case .operationNotSupportedByDevice: ("no endpoint is set", nil)
        case .badAddress: ("there is no memory table, or a ring lies outside of it", nil)
        case .notSupported: ("the kernel wants the reserved field to be 0", nil)
        default: nil
        }
    }

    private static func features(_ errno: Errno) -> Words? {
        switch errno {
        case .notSupported: ("the kernel does not know all of these features", nil)
        case .resourceBusy: ("features cannot change while the endpoint is set", nil)
        case .badAddress: ("the dirty log does not cover an active ring", nil)
        default: nil
        }
    }

    private static func memory(_ errno: Errno) -> Words? {
        switch errno {
        case .notSupported: ("the kernel wants the table's padding to be 0", nil)
        case .argListTooLong: ("more regions than the vhost parameter max_mem_regions allows", nil)
        case .badAddress: ("a region is empty, wraps around, or does not hold an active ring", nil)
        case .noMemory: ("the kernel has no memory for the table", nil)
        default: nil
        }
    }

    private static func ring(_ name: VhostRequest.Name, _ errno: Errno) -> Words? {
        switch (name, errno) {
        case (_, .noBufferSpace):
            ("the device has no ring of that number", "see the vhost_scsi parameter max_io_vqs")
        case (_, .resourceBusy): ("the ring is active: an endpoint is set", nil)
        case (.setRingSize, .invalidArgument): ("a ring has a power of two of descriptors, 1 to 32768", nil)
        case (.setRingBase, .invalidArgument): ("an index is at most 65535", nil)
        case (.setRingAddresses, .invalidArgument):
            ("the avail ring wants an even address, the used ring a multiple of 4", nil)
        case (.setRingAddresses, .notSupported): ("the kernel does not know all of the ring's flags", nil)
        case (.setRingKick, .badFileDescriptor), (.setRingCall, .badFileDescriptor),
            (.setRingError, .badFileDescriptor):
            ("the eventfd is not open", nil)
        case (.setRingKick, .invalidArgument), (.setRingCall, .invalidArgument),
            (.setRingError, .invalidArgument):
            ("the descriptor is not an eventfd", nil)
        default: nil
        }
    }
}

extension OperationError {
    /// This error, with what could not be taken back after it.
    func adding(_ failures: [OperationError]) -> OperationError {
        guard !failures.isEmpty else { return self }
        var error = self
        let list = failures.map { "\($0.operation) \($0.errno?.symbol ?? "")" }.joined(separator: ", ")
        error.cause += "; and then these failed too: \(list)"
        return error
    }
}
