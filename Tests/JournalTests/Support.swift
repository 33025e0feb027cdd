import Glibc
import Logging
import Model
import Synchronization
import Threads

@testable import Journal

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A folder of one test, deleted with it.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        // In memory where there is such a folder: some tests open a journal for every byte of a frame.
        let root = Folder.exists("/dev/shm") ? "/dev/shm" : "/tmp"
        path = "\(root)/sluice-journal-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        try? Folder.make(path)
    }

    deinit { TemporaryFolder.delete(path) }

    private static func delete(_ path: String) {
        for name in (try? Folder.names(path)) ?? [] {
            let inner = "\(path)/\(name)"
            if unsafe unlink(inner) != 0 { delete(inner) }
        }
        unsafe rmdir(path)
    }

    /// The names of the segments, in order.
    var segments: [String] {
        ((try? Folder.names(path)) ?? []).filter { $0.hasSuffix(".journal") }.sorted()
    }
    var idFiles: [String] {
        ((try? Folder.names(path + "/dedup")) ?? []).filter { $0.hasSuffix(".ids") }.sorted()
    }
    var tornFiles: [String] {
        ((try? Folder.names(path)) ?? []).filter { $0.hasPrefix("torn-") }.sorted()
    }

    func read(_ name: String) throws -> [UInt8] {
        let files = SystemFiles()
        let descriptor = try files.open("\(path)/\(name)", .read)
        defer { files.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Int(try Folder.size(descriptor)))
        _ = try Folder.read(descriptor, into: &bytes, count: bytes.count, at: 0)
        return bytes
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let files = SystemFiles()
        let target = "\(path)/\(name)"
        if Folder.exists(target) { try files.unlink(target) }
        let descriptor = try files.open(target, .create)
        defer { files.close(descriptor) }
        try files.write(bytes.span, to: descriptor, at: 0)
    }
}

/// A clock that stands still until it is moved.
final class FakeClock: Sendable {
    private let time: Mutex<(wall: Int64, monotonic: Int64)>
    init(hour: Int64 = 490_000) { time = Mutex((hour * 3_600_000_000, 0)) }
    func advance(hours: Int64) { advance(minutes: hours * 60) }
    func advance(minutes: Int64) {
        time.withLock { time in
            time.wall += minutes * 60_000_000
            time.monotonic += minutes * 60_000_000_000
        }
    }
    /// Moves the wall clock alone.
    func jump(hours: Int64) { time.withLock { $0.wall += hours * 3_600_000_000 } }
    var now: Timestamp { Timestamp(microseconds: time.withLock { $0.wall }) }
    var monotonic: Int64 { time.withLock { $0.monotonic } }
}

/// Real files, with faults at chosen calls.
final class FaultyFiles: JournalFiles {
    enum Fault: Sendable, Equatable { case full(afterBytes: Int), sync, truncate, directory }
    private struct State {
        var faults: [Fault] = []
        var atWrite: (number: Int, fault: Fault)?
        var lasting: Fault?
        var syncs = 0
        var writes = 0
        /// What the next syncs wait for, so that a test can fill the queue meanwhile.
        var gate: SystemSemaphore?
        var isHeld = false
    }
    private let state = Mutex(State())
    private let real = SystemFiles()

    func fail(_ faults: Fault...) { state.withLock { $0.faults = faults } }
    /// The write with that number, counted from 1, fails.
    func failWrite(_ number: Int, _ fault: Fault) { state.withLock { $0.atWrite = (number, fault) } }
    func failAlways(_ fault: Fault?) { state.withLock { $0.lasting = fault } }
    var syncs: Int { state.withLock { $0.syncs } }
    var writes: Int { state.withLock { $0.writes } }
    /// The next sync waits for `gate`.
    func hold(gate: SystemSemaphore) { state.withLock { $0.gate = gate } }
    /// Returns when a sync waits for its gate. It does not block: the test's own tasks must go on.
    func waitUntilHeld() async {
        while !state.withLock({ $0.isHeld }) { await Task.yield() }
    }

    private func take(_ matches: (Fault) -> Bool) -> Fault? {
        state.withLock { state in
            if let lasting = state.lasting, matches(lasting) { return lasting }
            guard let first = state.faults.first, matches(first) else { return nil }
            state.faults.removeFirst()
            return first
        }
    }

    func open(_ path: String, _ access: FileAccess) throws(FileError) -> Int32 { try real.open(path, access) }

    func write(_ bytes: Span<UInt8>, to descriptor: Int32, at offset: Int64) throws(FileError) {
        let chosen = state.withLock { state -> Fault? in
            state.writes += 1
            return state.atWrite.flatMap { $0.number == state.writes ? $0.fault : nil }
        }
        let fault = chosen ?? take { if case .full = $0 { true } else { false } }
        if case .full(let after) = fault {
            try real.write(bytes.extracting(0..<min(after, bytes.count)), to: descriptor, at: offset)
            throw FileError(number: ENOSPC, call: "write")
        }
        try real.write(bytes, to: descriptor, at: offset)
    }

    func synchronizeData(_ descriptor: Int32) throws(FileError) {
        let gate = state.withLock { state -> SystemSemaphore? in
            state.syncs += 1
            defer { state.gate = nil }
            state.isHeld = state.gate != nil
            return state.gate
        }
        gate?.wait()
        if take({ $0 == .sync }) != nil { throw FileError(number: EIO, call: "fdatasync") }
        try real.synchronizeData(descriptor)
    }

    func synchronizeDirectory(_ path: String) throws(FileError) {
        if take({ $0 == .directory }) != nil { throw FileError(number: EIO, call: "fsync", path: path) }
        try real.synchronizeDirectory(path)
    }

    func truncate(_ descriptor: Int32, to length: Int64) throws(FileError) {
        if take({ $0 == .truncate }) != nil { throw FileError(number: EIO, call: "ftruncate") }
        try real.truncate(descriptor, to: length)
    }

    func rename(_ path: String, to newPath: String) throws(FileError) { try real.rename(path, to: newPath) }
    func unlink(_ path: String) throws(FileError) { try real.unlink(path) }
    func close(_ descriptor: Int32) { real.close(descriptor) }
}

func event(_ id: String, _ properties: String = "{}", kind: ItemKind = .event) -> Item {
    var item = Item(
        kind: kind, wire: .native, timestamp: Timestamp(microseconds: 5), receivedAt: Timestamp(microseconds: 6))
    item.dedupID = id.isEmpty ? .none : Hash128(id)
    item.id = Array(id.utf8)
    item.identity = Array("bob@example.com".utf8)
    item.name = Array("Signed Up".utf8)
    item.properties = Array(properties.utf8)
    return item
}

func submission(_ ids: [String]) -> Submission {
    var submission = Submission()
    for id in ids { submission.add(event(id)) }
    return submission
}

/// An append as a value.
func attempt(_ journal: Journal, _ ids: [String]) async -> Result<Receipt, JournalError> {
    do throws(JournalError) {
        return .success(try await journal.append(submission(ids)))
    } catch {
        return .failure(error)
    }
}

/// The error of an append that should fail.
func failure(_ journal: Journal, _ ids: [String]) async -> JournalError? {
    if case .failure(let error) = await attempt(journal, ids) { error } else { nil }
}

/// An item as a follower read it.
struct ReadItem: Equatable {
    let seq: Int64
    let item: Item
    var id: String { String(decoding: item.id, as: UTF8.self) }
}

/// Everything after `seq`.
func readAll(_ journal: Journal, after seq: Int64 = 0, maxBytes: Int = 1 << 20) throws -> [ReadItem] {
    let reader = try journal.makeReader(after: seq)
    var items: [ReadItem] = []
    while true {
        let frames = try reader.next(maxBytes: maxBytes)
        if frames.isEmpty { return items }
        for frame in frames { items += decode(frame) }
    }
}

func decode(_ frame: JournalFrame) -> [ReadItem] {
    let span = frame.payload.span
    var at = 0
    var items: [ReadItem] = []
    while let layout = ItemLayout(span, at: &at) {
        items.append(ReadItem(seq: frame.firstSeq + Int64(items.count), item: Item(layout, in: span)))
    }
    precondition(at == span.count && items.count == frame.count)
    return items
}

func options(
    _ folder: TemporaryFolder, floor: Int64 = 0, clock: FakeClock? = nil, files: (any JournalFiles)? = nil,
    room: Int? = nil
) -> JournalOptions {
    var options = JournalOptions(directory: folder.path, seqFloor: floor)
    if let room { options.roomBytes = room }
    if let clock {
        options.clock = { clock.now }
        options.monotonic = { clock.monotonic }
    }
    if let files { options.files = files }
    return options
}

/// A journal of three frames: "a" "b", "c", and "d" "e"; its segment's bytes and where the frames begin.
func threeFrames() async throws -> (name: String, bytes: [UInt8], starts: [Int]) {
    let folder = TemporaryFolder()
    let journal = try Journal.open(options(folder, room: 0), logger: quiet)
    var starts: [Int] = []
    for ids in [["a", "b"], ["c"], ["d", "e"]] {
        starts.append(max(SegmentHeader.bytes, Int(journal.status.bytesOnDisk)))
        _ = try await journal.append(submission(ids))
    }
    await journal.abandon()
    let name = folder.segments[0]
    return (name, try folder.read(name), starts)
}
