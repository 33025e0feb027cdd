internal import Glibc
internal import Model

/// The memory of an `IDTable`'s slots: zeroed, and given by the system as it is touched.
enum SlotMemory {
    /// Memory for 2^bits slots.
    ///
    /// Large tables ask for large pages: an id falls anywhere, and each small page that is touched for the first time
    /// costs the writer's thread a fault, twice if it was read before, and the other processors an interruption.
    static func allocate(_ bits: UInt64) -> UnsafeMutableRawPointer {
        let bytes = size(bits)
        if bytes < largePage, let memory = unsafe calloc(1, bytes) { return unsafe memory }
        let mapped = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        // MAP_FAILED is all ones, which the macro cannot tell Swift.
        guard let mapped = unsafe mapped, UInt(bitPattern: mapped) != UInt.max else {
            fatalError("no memory for the table of duplicates (\(bytes) bytes)")
        }
        unsafe madvise(mapped, bytes, MADV_HUGEPAGE)
        return unsafe mapped
    }

    /// - Parameter memory: what `allocate` gave for the same `bits`.
    static func free(_ memory: UnsafeMutableRawPointer, _ bits: UInt64) {
        let bytes = size(bits)
        if bytes < largePage { unsafe Glibc.free(memory) } else { unsafe munmap(memory, bytes) }
    }

    /// Calls `body` with each id and its `seq` in some of the slots.
    ///
    /// - Parameter slots: as long as `range` says at least.
    @inline(__always)
    static func forEach(_ slots: UnsafeRawPointer, _ range: Range<Int>, _ body: (Hash128, Int64) -> Void) {
        for slot in range {
            let place = unsafe slots + slot &* IDTable.slotBytes
            let seq = unsafe place.load(fromByteOffset: 16, as: Int64.self)
            guard seq != 0 else { continue }
            let high = unsafe place.load(as: UInt64.self)
            let low = unsafe place.load(fromByteOffset: 8, as: UInt64.self)
            body(Hash128(high: high, low: low), seq)
        }
    }

    /// Has the system give all of it now.
    static func populate(_ memory: UnsafeMutableRawPointer, _ bits: UInt64) { unsafe memset(memory, 0, size(bits)) }

    private static let largePage = 2 << 20

    private static func size(_ bits: UInt64) -> Int { (1 << Int(bits)) * IDTable.slotBytes }
}

/// Memory for the slots of the next full table, made ready beside the writer: fifty megabytes of new pages would hold a
/// frame up.
///
/// Unchecked: it has one owner at a time, who alone touches the memory.
@safe struct SpareSlots: ~Copyable, @unchecked Sendable {
    let bits: UInt64
    // Owned, unless it was taken.
    private let memory: UnsafeMutableRawPointer

    init(bits: UInt64) {
        self.bits = bits
        unsafe memory = SlotMemory.allocate(bits)
        unsafe SlotMemory.populate(memory, bits)
    }

    deinit { unsafe SlotMemory.free(memory, bits) }

    consuming func take() -> UnsafeMutableRawPointer {
        let taken = unsafe memory
        discard self
        return unsafe taken
    }
}
