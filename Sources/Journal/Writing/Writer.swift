internal import Model
internal import Synchronization

/// The one thread that gives out `seq` and writes.
///
/// It takes whatever was queued while it wrote the last frame and makes one frame of it: look up duplicates, copy the
/// items' bytes as they are, one write, one sync. Nothing waits for more to come.
final class Writer {
    let core: JournalCore
    let index: DuplicateIndex
    let files: any JournalFiles
    var active: ActiveSegment?
    var nextSeq: Int64
    private(set) var durableSeq: Int64
    /// What the head of the next segment says of those before it.
    var lastRead: Int64
    /// Bytes of frames since the start, the replayed ones included.
    private(set) var written: Int64
    private var clock = HourClock()
    private var frame = FrameBuilder()
    private var syncTime: Int64 = 0
    private var syncThreadTime: Int64 = 0

    init(_ core: JournalCore, _ recovered: Recovered) {
        self.core = core
        index = recovered.index
        files = core.options.files
        active = recovered.active
        nextSeq = recovered.nextSeq
        durableSeq = recovered.durableSeq
        lastRead = recovered.lastRead
        written = recovered.replayed
    }

    func run() {
        while let taken = core.queue.takeAll() {
            commit(taken.requests)
            for request in taken.rolls { request.continuation.resume(returning: roll(through: request.through)) }
        }
    }

    private func commit(_ taken: [CommitRequest]) {
        var start = 0
        while start < taken.count {
            var end = start
            var bytes = 0
            var items = 0
            repeat {
                bytes += taken[end].submission.bytes.count
                items += taken[end].submission.count
                end += 1
            } while end < taken.count
                && bytes + taken[end].submission.bytes.count <= core.options.frameBytes
                && items + taken[end].submission.count <= core.options.frameItems
            commit(taken[start..<end])
            start = end
        }
    }

    private func commit(_ requests: ArraySlice<CommitRequest>) {
        let started = threadNanoseconds()
        (syncTime, syncThreadTime) = (0, 0)
        do throws(JournalError) {
            if let refusal = core.health.withLock({ $0.refusal }) { throw refusal }
            let now = core.options.clock()
            try turn(to: now)
            frame.build(requests, firstSeq: nextSeq, index: index, hour: clock.hour, durableSeq: durableSeq)
            if frame.count > 0 {
                try write(now)
                let last = nextSeq + Int64(frame.count) - 1
                frame.register(in: index.active)
                index.cover(through: last)
                (nextSeq, durableSeq, lastRead) = (last + 1, last, last)
                core.publish(last)
            }
        } catch {
            fail(requests, error)
            return
        }
        count(started)
        finish(requests)
        for (request, receipt) in zip(requests, frame.receipts) {
            request.continuation.resume(returning: .success(receipt))
        }
    }

    private func count(_ started: Int64) {
        let time = threadNanoseconds() - started - syncThreadTime
        core.health.withLock { health in
            health.counters.writerTime += time
            health.counters.duplicates += frame.duplicates
            guard frame.count > 0 else { return }
            health.counters.frames += 1
            health.counters.items += frame.count
            health.counters.bytes += frame.bytes.count
            health.counters.synced(syncTime)
        }
    }

    private func finish(_ requests: ArraySlice<CommitRequest>) {
        core.queue.finished(weight: requests.reduce(0) { $0 + $1.weight }, count: requests.count)
    }

    /// Nothing of these requests is stored: their ids never got into the index, and the next frame takes their place.
    private func fail(_ requests: ArraySlice<CommitRequest>, _ error: JournalError) {
        core.health.withLock { $0.counters.failedSubmissions += requests.count }
        finish(requests)
        for request in requests { request.continuation.resume(returning: .failure(error)) }
    }

    /// Begins another table of ids when it is time.
    private func turn(to now: Timestamp) throws(JournalError) {
        let hour = clock.hour
        let isBack = clock.observe(DuplicateIndex.hour(of: now), at: core.options.monotonic())
        // What came while the clock was ahead is kept for longer; what comes now is not.
        if isBack { index.leave(for: clock.stamp, written: written) }
        let handed = index.turn(to: clock.stamp, written: written)
        if handed || isBack || clock.hour > hour { core.housekeeping.wake(hour: clock.hour) }
        // Each waiting table is up to 48 MiB of memory.
        let waiting = index.shared.snapshot.waiting.count
        if waiting > 4, core.health.withLock({ $0.lastSealError }) != nil {
            // Nothing else asks for another try while nothing is taken in.
            core.housekeeping.wake()
            throw JournalError(.diskFull, "The ids of duplicates cannot be written to disk. Free some space.")
        }
        if waiting > 16 {
            throw JournalError(.backlogFull, "The disk takes the ids of duplicates too slowly; send again.")
        }
    }

    /// Puts the frame on disk.
    private func write(_ now: Timestamp) throws(JournalError) {
        if let active, active.bytes > SegmentHeader.bytes,
            active.bytes + Int64(frame.bytes.count) > core.options.segmentBytes
        {
            leaveSegment()
        }
        if active == nil { active = try create() }
        guard var segment = active else { return }
        frame.seal(firstSeq: nextSeq, committedAt: now, salt: segment.salt)
        do throws(FileError) {
            try files.write(frame.bytes.span, to: segment.descriptor, at: segment.bytes)
        } catch {
            cutBack(segment)
            throw JournalError(error, while: "writing to \(segment.path)")
        }
        segment.room.extend(
            after: segment.bytes + Int64(frame.bytes.count), frame: frame.bytes.count, segment.descriptor, core.options)
        let (before, threadBefore) = (monotonicNanoseconds(), threadNanoseconds())
        do {
            try files.synchronizeData(segment.descriptor)
        } catch {
            throw refuse("\(segment.path) could not be synced (\(error)).")
        }
        syncTime = monotonicNanoseconds() - before
        syncThreadTime = threadNanoseconds() - threadBefore
        segment.lastFrameAt = segment.bytes
        segment.lastSeqBefore = durableSeq
        segment.bytes += Int64(frame.bytes.count)
        written += Int64(frame.bytes.count)
        active = segment
        core.segments.extend(to: segment.bytes, lastSeq: nextSeq + Int64(frame.count) - 1)
    }

    /// Takes away what a failed write left behind the last frame.
    private func cutBack(_ segment: ActiveSegment) {
        do throws(FileError) {
            try files.truncate(segment.descriptor, to: segment.bytes)
            active?.room = WrittenRoom()
        } catch {
            refuse("The rest of a failed write could not be cut from \(segment.path) (\(error)).")
        }
    }

    @discardableResult
    func refuse(_ what: String) -> JournalError {
        let error = JournalError(
            .syncFailed,
            "\(what) What the disk holds is not known: writing is refused. Check the disk and restart.",
            file: active?.path)
        core.refuse(error)
        return error
    }
}
