// SPDX-License-Identifier: MIT
import CLinux
import Glibc
public import SystemPackage

/// A virtual machine of one page and one processor, made of bare KVM ioctls (`Documentation/virt/kvm/api.rst`).
public struct KVMProbeMachine: ~Copyable {
    private let device: FilePath
    private let kvm: FileDescriptor

    /// `mov cx, 10000; again: dec cx; jnz again; hlt` in 16-bit code, where the processor starts below.
    private static let code: [UInt8] = [0xb9, 0x10, 0x27, 0x49, 0x75, 0xfd, 0xf4]
    private static let codeAddress: UInt64 = 0x1000

    /// Opens the device; the machine is made when it runs.
    public init(device: FilePath = "/dev/kvm") throws(OperationError) {
        self.device = device
        do {
            kvm = try FileDescriptor.open(device, .readWrite, options: .closeOnExec)
        } catch {
            throw OperationError("open", device.string, errno: error as? Errno)
        }
    }

    deinit { _ = Glibc.close(kvm.rawValue) }

    /// How long the loop of 10,000 iterations takes: the first run that reaches `goal`, or the best of three.
    ///
    /// - Throws: the errno of the ioctl that failed, or why the guest did not reach its end.
    public func run(goal: Duration) throws(OperationError) -> Duration {
        let machine = try control(kvm, ringside_kvm_create_vm, 0)
        defer { _ = Glibc.close(machine) }
        let page = try unsafe map(-1, length: 4096, flags: MAP_SHARED | MAP_ANONYMOUS)
        defer { unsafe munmap(page, 4096) }
        unsafe page.copyMemory(from: Self.code, byteCount: Self.code.count)
        // The page stays mapped until the machine is closed.
        var region = kvm_userspace_memory_region(
            slot: 0,
            flags: 0,
            guest_phys_addr: Self.codeAddress,
            memory_size: 4096,
            userspace_addr: UInt64(UInt(bitPattern: page))
        )
        try check(unsafe ioctl(machine, ringside_kvm_set_user_memory_region, &region))
        let processor = try control(FileDescriptor(rawValue: machine), ringside_kvm_create_vcpu, 0)
        defer { _ = Glibc.close(processor) }
        let length = Int(try control(kvm, ringside_kvm_get_vcpu_mmap_size, 0))
        let state = try unsafe map(processor, length: length, flags: MAP_SHARED)
        defer { unsafe munmap(state, length) }
        var best = Duration.seconds(1)
        // Again only where the first run may have been unlucky, so that hopeless hosts lose no more time.
        for _ in 0..<3 where best > goal {
            best = min(best, try unsafe loop(processor, state: state))
        }
        return best
    }

    private func loop(_ processor: CInt, state: UnsafeMutableRawPointer) throws(OperationError) -> Duration {
        var segments = kvm_sregs()
        try check(unsafe ioctl(processor, ringside_kvm_get_sregs, &segments))
        segments.cs.base = 0
        segments.cs.selector = 0
        try check(unsafe ioctl(processor, ringside_kvm_set_sregs, &segments))
        var registers = kvm_regs()
        registers.rip = Self.codeAddress
        registers.rflags = 2
        try check(unsafe ioctl(processor, ringside_kvm_set_regs, &registers))
        let clock = ContinuousClock()
        let start = clock.now
        _ = try control(FileDescriptor(rawValue: processor), ringside_kvm_run, 0)
        let time = start.duration(to: clock.now)
        // struct kvm_run: exit_reason is the 32-bit word at offset 8.
        let reason = unsafe state.load(fromByteOffset: 8, as: UInt32.self)
        guard reason == UInt32(KVM_EXIT_HLT) else {
            throw OperationError(
                "probe",
                device.string,
                cause: "its guest stopped for reason \(reason), not at its end"
            )
        }
        return time
    }

    private func map(_ file: CInt, length: Int, flags: CInt) throws(OperationError) -> UnsafeMutableRawPointer
    {
        let address = unsafe mmap(nil, length, PROT_READ | PROT_WRITE, flags, file, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else { throw failure() }
        return unsafe address
    }

    private func control(_ file: FileDescriptor, _ request: UInt, _ argument: CInt) throws(OperationError)
        -> CInt
    {
        try check(ioctl(file.rawValue, request, argument))
    }

    @discardableResult
    private func check(_ result: CInt) throws(OperationError) -> CInt {
        if result < 0 { throw failure() }
        return result
    }

    private func failure() -> OperationError {
        OperationError("probe", device.string, errno: Errno(rawValue: Glibc.errno))
    }
}
