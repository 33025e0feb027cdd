internal import Synchronization

/// How far a backup or a restore is, and whether it is to stop. Both sides look at it from any thread.
public final class BackupProgress: Sendable {
    private let doneFiles = Atomic<Int64>(0)
    private let doneBytes = Atomic<Int64>(0)
    private let isCancelled = Atomic(false)

    public init() {}

    /// Files that are done.
    public var files: Int64 { doneFiles.load(ordering: .relaxed) }
    /// Bytes that were read or written so far.
    public var bytes: Int64 { doneBytes.load(ordering: .relaxed) }

    /// Whether it was asked to stop.
    var isStopped: Bool { isCancelled.load(ordering: .relaxed) }

    /// Asks it to stop soon.
    public func cancel() { isCancelled.store(true, ordering: .relaxed) }

    func add(bytes: Int) { doneBytes.add(Int64(bytes), ordering: .relaxed) }
    func addFile() { doneFiles.add(1, ordering: .relaxed) }

    /// Throws if it is to stop.
    func check() throws(BackupError) {
        if isStopped { throw BackupError(.cancelled, "stopped before it was done") }
    }
}
