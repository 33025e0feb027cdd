internal import Synchronization

/// An erasure under way. The housekeeping thread, which alone seals, expires and deletes, does a step of it in each round.
final class ErasureJob: Sendable {
    typealias Outcome = Result<JournalErasureReport, JournalError>

    static let closed = JournalError(.closed, "The journal was closed before the erasure was done; ask for it again.")
    static let cancelled = JournalError(
        .cancelled, "The erasure was cancelled. What it did is valid; ask for it again to do the rest.")

    private struct Progress {
        var areSegmentsFree = false
        /// The files of ids that were looked into.
        var checked: Set<String> = []
        var report: JournalErasureReport
    }

    private struct Waiting {
        var isOver = false
        var continuation: CheckedContinuation<Outcome, Never>?
    }

    private let erasure: JournalErasure
    private let rolled: RolledJournal
    /// The housekeeping thread's.
    private let progress: Mutex<Progress>
    private let waiting = Mutex(Waiting())

    init(_ erasure: JournalErasure, _ rolled: RolledJournal) {
        self.erasure = erasure
        self.rolled = rolled
        progress = Mutex(Progress(report: JournalErasureReport(through: rolled.through)))
    }

    var isOver: Bool { waiting.withLock { $0.isOver } }

    /// Keeps the continuation for the outcome; false if that has been cancelled already.
    func keep(_ continuation: CheckedContinuation<Outcome, Never>) -> Bool {
        let isOver = waiting.withLock { waiting in
            if !waiting.isOver { waiting.continuation = continuation }
            return waiting.isOver
        }
        if isOver { continuation.resume(returning: .failure(Self.cancelled)) }
        return !isOver
    }

    /// Tells the outcome; the first one counts.
    func finish(_ outcome: Outcome) {
        let continuation = waiting.withLock { waiting in
            waiting.isOver = true
            return waiting.continuation.take()
        }
        continuation?.resume(returning: outcome)
    }

    /// Does what can be done now; true if there is more that need not wait for anybody.
    func step(_ core: JournalCore) -> Bool {
        guard !isOver else { return false }
        do throws(JournalError) {
            var now = progress.withLock { $0 }
            let more = try advance(&now, core)
            progress.withLock { $0 = now }
            return more
        } catch {
            finish(.failure(error))
            return false
        }
    }

    private func advance(_ now: inout Progress, _ core: JournalCore) throws(JournalError) -> Bool {
        if !now.areSegmentsFree {
            guard let segments = try freeSegments(core) else { return false }
            now.report.segments = segments
            now.areSegmentsFree = true
            return true
        }
        // Since everything up to `through` is sealed, files are the only place where its ids are. One file a round.
        let next = core.sealed.snapshot.files.first { file in
            !now.checked.contains(file.path) && SortedSeqs(erasure.seqs).mayMeet(file)
        }
        if let next {
            let gently = !core.housekeeping.isStopping
            if let ids = try core.sealed.erase(SortedSeqs(erasure.seqs), in: next, gently: gently) {
                now.report.ids.append(ids)
            }
            now.checked.insert(next.path)
            return true
        }
        let search = TextSearch(erasure.texts)
        now.report.setAside = try SetAside.remove(search, core)
        now.report.remaining = try core.segments.segments.map { segment throws(JournalError) in
            try Self.read(segment, search, after: rolled.through, core.options.files)
        }
        finish(.success(now.report))
        return false
    }

    /// Frees the segments once all have passed them; nil while that is not so.
    private func freeSegments(_ core: JournalCore) throws(JournalError) -> [JournalErasureReport.Segment]? {
        guard core.sealed.snapshot.waiting.allSatisfy({ $0.fromSeq >= rolled.sealThrough }) else {
            if let error = core.health.withLock({ $0.lastSealError }) { throw error }
            return nil
        }
        core.segments.sealed(through: rolled.sealThrough)
        Housekeeping.deletePassed(core, gently: true)
        let segments = core.segments.segments
        if let last = segments.last(where: { $0.holdsAny(upTo: rolled.through) })?.lastSeq {
            let slowest = core.segments.slowest
            if let (damage, seq) = core.health.withLock({ $0.damageMet }), slowest <= seq, seq < last { throw damage }
            return nil
        }
        let folder = core.options.directory
        do throws(FileError) {
            // A name that could not be taken away when the segment was freed.
            let known = Set(segments.map(\.path))
            for name in try Folder.names(folder) {
                let path = "\(folder)/\(name)"
                guard let first = FileNames.firstSeq(of: name), first <= rolled.through, !known.contains(path) else {
                    continue
                }
                try core.options.files.unlink(path)
            }
            try core.options.files.synchronizeDirectory(folder)
        } catch {
            throw JournalError(error, while: "removing segments that hold erased items")
        }
        let seqs = SortedSeqs(erasure.seqs)
        return rolled.segments.map { segment in
            JournalErasureReport.Segment(
                name: FileNames.last(of: segment.path), bytes: segment.bytes,
                items: seqs.count(from: segment.firstSeq, through: segment.lastSeq),
                isVerified: !Folder.exists(segment.path))
        }
    }
}
