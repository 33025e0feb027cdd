internal import Glibc
internal import Model

/// A sealed table: an immutable file whose head and filter are mapped into memory; little-endian.
///
/// ```
/// 0  u64 magic      8  u32 format version    12 u32 bits: the table has 2^bits slots
/// 16 i64 hour since 1970 of the newest id    24 i64 fromSeq    32 i64 toSeq: holds the ids of (fromSeq, toSeq]
/// 40 u64 number of ids    48 u64 multiplier  56 u64 blocks of the Bloom filter    64 u32 CRC-32 of these 64 bytes
/// 68 u32 zero    72 i64 lowest seq of an id (0: no ids)    80 u32 CRC-32 of these 80 bytes; zeros in older files
/// 84 u32 number of parts, of a file that was merged from several; then i64 hour, i64 toSeq of each, and u32 CRC-32 of these
/// 4096 Bloom filter, then the slots
/// ```
///
/// The slots are read and not mapped. Few look-ups come that far, and a page that is touched brings fifteen others with it: in
/// the end all of every file would count as this process's memory.
///
/// Unchecked: mapping and file are only read.
@safe final class IDFile: @unchecked Sendable {
    static let headerBytes = 4_096
    static let magic: UInt64 = 0x3149_4543_4955_4c53  // "SLUICEI1"
    static let version: UInt32 = 1

    let path: String
    let hour: Int64
    let fromSeq: Int64
    let toSeq: Int64
    let count: Int
    /// What of it came in which hour, the oldest first; one part unless it was merged.
    let parts: [IDPart]
    let isMerged: Bool
    /// The lowest `seq` in it, which can be less than `fromSeq`; nil if the file does not tell.
    let lowestSeq: Int64?
    let bytes: Int
    private let bits: UInt64
    private let multiplier: UInt64
    private let blocks: Int
    private let descriptor: Int32
    private let files: any JournalFiles
    /// Where the slots begin.
    private let slotsAt: Int
    // The mapping is `slotsAt` bytes long, which is less than the file's checked size, and lives as long as this object.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer
    private nonisolated(unsafe) let filter: UnsafeRawPointer

    /// Maps a file; `.damaged` if its head or its size is not right.
    init(path: String, files: any JournalFiles) throws(JournalError) {
        self.path = path
        self.files = files
        let descriptor: Int32
        let size: Int
        var head = [UInt8](repeating: 0, count: IDPart.offset + 4 + IDPart.most * IDPart.bytes + 4)
        do throws(FileError) {
            descriptor = try files.open(path, .read)
            do throws(FileError) {
                size = Int(try Folder.size(descriptor))
                _ = try Folder.read(descriptor, into: &head, count: head.count, at: 0)
            } catch {
                files.close(descriptor)
                throw error
            }
        } catch {
            throw JournalError(error, while: "opening a file of ids")
        }
        var isOpened = false
        defer { if !isOpened { files.close(descriptor) } }
        func damage(_ what: String) -> JournalError {
            JournalError(.damaged, "The file of ids \(path) is damaged: \(what).", file: path, offset: 0)
        }
        let fields = head.span
        guard fields.load(0) == Self.magic, fields.load(8) == Self.version,
            Checksum.crc32(fields.extracting(0..<64)) == fields.load(64, as: UInt32.self)
        else { throw damage("its head is not right") }
        bits = UInt64(fields.load(12, as: UInt32.self))
        hour = fields.load(16)
        fromSeq = fields.load(24)
        toSeq = fields.load(32)
        count = Int(truncatingIfNeeded: fields.load(40, as: UInt64.self))
        multiplier = fields.load(48)
        blocks = Int(truncatingIfNeeded: fields.load(56, as: UInt64.self))
        let tellsLowest = Checksum.crc32(fields.extracting(0..<80)) == fields.load(80, as: UInt32.self)
        lowestSeq = tellsLowest ? fields.load(72) : nil
        let merged = IDPart.decode(fields)
        isMerged = merged != nil
        parts = merged ?? [IDPart(hour: hour, toSeq: toSeq)]
        slotsAt = Self.headerBytes + blocks * BlockedBloom.blockBytes
        bytes = slotsAt + (1 << Int(bits)) * IDTable.slotBytes
        guard bytes == size else { throw damage("it has \(size) bytes instead of \(bytes)") }
        let mapped = unsafe mmap(nil, slotsAt, PROT_READ, MAP_SHARED, descriptor, 0)
        // MAP_FAILED is all ones, which the macro cannot tell Swift.
        guard let mapped = unsafe mapped, UInt(bitPattern: mapped) != UInt.max else {
            throw JournalError(.io, "mmap of \(path) failed (error \(errno)).", file: path)
        }
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM)
        self.descriptor = descriptor
        isOpened = true
        unsafe base = mapped
        unsafe filter = UnsafeRawPointer(mapped) + Self.headerBytes
    }

    deinit {
        unsafe munmap(base, slotsAt)
        files.close(descriptor)
    }

    /// Sets the `seq` in `found` of each id that is here with one above `after`. `open` are the places in `ids` that are still looked for;
    /// those that were found leave it.
    func find(_ ids: [Hash128], _ open: inout [Int32], _ found: inout [Int64], after: Int64) {
        var kept = 0
        for i in 0..<open.count {
            let at = Int(open[i])
            let seq = find(ids[at])
            if seq > after {
                found[at] = seq
                continue
            }
            open[kept] = open[i]
            kept += 1
        }
        open.removeLast(open.count - kept)
    }

    /// The `seq` of an id, or 0.
    @inline(__always)
    func find(_ id: Hash128) -> Int64 {
        // The filter lies within the mapping.
        guard unsafe BlockedBloom.mayHold(id, in: filter, blocks: blocks, multiplier: multiplier) else { return 0 }
        return findSlot(id)
    }

    private func findSlot(_ id: Hash128) -> Int64 {
        let count = 1 << Int(bits)
        var slot = IDSlots.home(id, bits: bits, multiplier: multiplier)
        var window = InlineArray<96, UInt64>(repeating: 0)
        var left = count
        // A whole turn ends the search, also in a damaged file without a free slot.
        while left > 0 {
            let read = min(32, count - slot, left)
            var span = window.mutableSpan
            unsafe span.withUnsafeMutableBytes {
                unsafe self.read(into: $0.baseAddress, slots: slot..<(slot + read))
            }
            for i in 0..<read {
                let seq = Int64(bitPattern: window[i * 3 + 2])
                if seq == 0 { return 0 }
                if window[i * 3] == id.high, window[i * 3 + 1] == id.low { return seq }
            }
            slot = (slot + read) & (count - 1)
            left -= read
        }
        return 0
    }

    /// Calls `body` with each id and its `seq`. Reads all of the file.
    func forEach(_ body: (Hash128, Int64) -> Void) {
        let step = min(1 << Int(bits), 1 << 15)
        let window = UnsafeMutableRawPointer.allocate(byteCount: step * IDTable.slotBytes, alignment: 8)
        defer { unsafe window.deallocate() }
        // Both are powers of two.
        for start in stride(from: 0, to: 1 << Int(bits), by: step) {
            unsafe read(into: window, slots: start..<(start + step))
            unsafe SlotMemory.forEach(UnsafeRawPointer(window), 0..<step, body)
        }
    }

    /// Reads slots. A file whose size was right and that cannot be read ends the process: whether an id is there is not known
    /// then, and nothing may be stored twice.
    ///
    /// - Parameter target: has room for them.
    private func read(into target: UnsafeMutableRawPointer?, slots: Range<Int>) {
        var done = 0
        let count = slots.count * IDTable.slotBytes
        let from = slotsAt + slots.lowerBound * IDTable.slotBytes
        while done < count {
            // In bounds: `done` is less than `count`, for which there is room.
            let got = unsafe pread(descriptor, target?.advanced(by: done), count - done, off_t(from + done))
            if got <= 0, got == 0 || errno != EINTR { fatalError("\(path) cannot be read (error \(errno))") }
            done += max(0, got)
        }
    }

    /// Writes a table to a file, which appears under its name only when it is whole and on disk.
    ///
    /// - Parameters:
    ///   - parts: what came in which hour, if the table was merged.
    ///   - gently: rests between the steps.
    static func write(
        _ kept: IDTable, parts: [IDPart]? = nil, to path: String, folder: String, files: any JournalFiles, gently: Bool
    ) throws(FileError) {
        let table = kept.settled
        let temporary = path + ".tmp"
        if Folder.exists(temporary) { try files.unlink(temporary) }
        let blocks = BlockedBloom.blocks(for: table.count)
        var head: [UInt8] = []
        head.reserveCapacity(headerBytes + blocks * BlockedBloom.blockBytes)
        head.appendLittleEndian(magic)
        head.appendLittleEndian(version)
        head.appendLittleEndian(UInt32(table.bits))
        head.appendLittleEndian(table.hour)
        head.appendLittleEndian(table.fromSeq)
        head.appendLittleEndian(table.toSeq)
        head.appendLittleEndian(UInt64(table.count))
        head.appendLittleEndian(table.multiplier)
        head.appendLittleEndian(UInt64(blocks))
        head.appendLittleEndian(Checksum.crc32(head.span))
        head.appendLittleEndian(UInt32(0))
        head.appendLittleEndian(table.lowestSeq)
        head.appendLittleEndian(Checksum.crc32(head.span))
        if let parts { IDPart.encode(parts, into: &head) }
        head.append(contentsOf: repeatElement(0, count: headerBytes - head.count))
        var filter = [UInt8](repeating: 0, count: blocks * BlockedBloom.blockBytes)
        table.forEachID { BlockedBloom.insert($0, into: &filter, blocks: blocks, multiplier: table.multiplier) }
        head.append(contentsOf: filter)

        let descriptor = try files.open(temporary, .create)
        do {
            defer { files.close(descriptor) }
            try writeInSteps(head.span, descriptor, at: 0, files, gently)
            // The slots live as long as the table, which is not changed any more.
            let slots = unsafe Span<UInt8>(
                _unsafeStart: UnsafeRawPointer(table.slots).assumingMemoryBound(to: UInt8.self),
                count: table.slotCount * IDTable.slotBytes)
            try writeInSteps(slots, descriptor, at: Int64(head.count), files, gently)
            try files.rename(temporary, to: path)
            try files.synchronizeDirectory(folder)
        } catch {
            try? files.unlink(temporary)
            throw error
        }
    }

    /// Syncs every megabyte, and rests as long as that took twice over: the journal's own syncs wait for what others
    /// have the disk do.
    private static func writeInSteps(
        _ bytes: Span<UInt8>, _ descriptor: Int32, at offset: Int64, _ files: any JournalFiles, _ gently: Bool
    ) throws(FileError) {
        var at = 0
        while at < bytes.count {
            let end = min(at + (1 << 20), bytes.count)
            let began = monotonicNanoseconds()
            try files.write(bytes.extracting(at..<end), to: descriptor, at: offset + Int64(at))
            try files.synchronizeData(descriptor)
            at = end
            if gently, at < bytes.count { usleep(UInt32(min(50_000, (monotonicNanoseconds() - began) / 500))) }
        }
    }
}
