internal import Model

/// Makes a frame and the receipts of one batch of requests. Its buffers are kept from frame to frame.
struct FrameBuilder {
    /// The frame: room for its head, then the new items.
    private(set) var bytes: [UInt8] = []
    /// The number of items in it; 0 if all were duplicates.
    private(set) var count = 0
    private(set) var duplicates = 0
    /// One for each request; valid once the frame is durable.
    private(set) var receipts: [Receipt] = []

    private var ids: [Hash128] = []
    private var found: [Int64] = []
    /// The ids of this frame. They get into the index only when the frame is durable, so that a failed one leaves
    /// nothing behind, and nobody is told of a duplicate whose original is not on disk.
    private let fresh = IDTable(hour: 0, fromSeq: 0)
    private var freshIDs: [Hash128] = []
    private var freshSeqs: [Int64] = []
    private var partID: [Hash128] = [.none]
    private var partFound: [Int64] = []

    mutating func build(
        _ requests: ArraySlice<CommitRequest>, firstSeq: Int64, index: DuplicateIndex, hour: Int64, durableSeq: Int64
    ) {
        bytes.removeAll(keepingCapacity: bytes.capacity <= 32 << 20)
        bytes.append(contentsOf: repeatElement(0, count: FrameHeader.bytes))
        receipts.removeAll(keepingCapacity: true)
        fresh.removeAll()
        freshIDs.removeAll(keepingCapacity: true)
        freshSeqs.removeAll(keepingCapacity: true)
        (count, duplicates) = (0, 0)

        ids.removeAll(keepingCapacity: true)
        for request in requests {
            for item in request.submission.items { ids.append(item.dedupID) }
        }
        index.find(ids, into: &found, hour: hour)

        var next = firstSeq
        var place = 0
        for request in requests {
            let submission = request.submission
            var verdicts: [Verdict] = []
            verdicts.reserveCapacity(submission.count)
            var watermark: Int64 = 0
            var withNewParts: Set<Int> = []
            // New items that follow one another are copied together.
            var runStart = 0
            var runEnd = 0
            for item in submission.items {
                var original = found[place]
                place &+= 1
                if original == 0, item.dedupID != .none { original = fresh.insert(item.dedupID, next) }
                if original == 0 {
                    if item.start != runEnd {
                        append(submission.bytes, runStart, runEnd)
                        runStart = item.start
                    }
                    runEnd = item.end
                    if item.dedupID != .none { note(item.dedupID, next) }
                    for part in item.firstPart..<(item.firstPart &+ item.partCount) {
                        let id = submission.parts[part].dedupID
                        if id != .none, fresh.insert(id, next) == 0 { note(id, next) }
                    }
                    verdicts.append(.stored(next))
                    watermark = next
                    next &+= 1
                } else {
                    duplicates &+= 1
                    verdicts.append(.duplicate(of: original))
                    watermark = max(watermark, original)
                    if item.partCount > 0 {
                        append(submission.bytes, runStart, runEnd)
                        (runStart, runEnd) = (0, 0)
                        let before = next
                        addParts(of: item, in: submission, &next, &watermark, index, hour)
                        if next > before { withNewParts.insert(verdicts.count - 1) }
                    }
                }
            }
            append(submission.bytes, runStart, runEnd)
            receipts.append(
                Receipt(
                    verdicts: verdicts, watermark: submission.count == 0 ? durableSeq : watermark,
                    withNewParts: withNewParts))
        }
        count = Int(next - firstSeq)
    }

    /// Stores those parts of a duplicate that are new, each as an item of its own.
    private mutating func addParts(
        of item: SubmittedItem, in submission: Submission, _ next: inout Int64, _ watermark: inout Int64,
        _ index: DuplicateIndex, _ hour: Int64
    ) {
        for i in item.firstPart..<(item.firstPart + item.partCount) {
            let part = submission.parts[i]
            partID[0] = part.dedupID
            index.find(partID, into: &partFound, hour: hour)
            guard partFound[0] == 0 else { continue }
            if part.dedupID != .none {
                guard fresh.insert(part.dedupID, next) == 0 else { continue }
                note(part.dedupID, next)
            }
            append(submission.partBytes, part.start, part.end)
            watermark = next
            next += 1
        }
    }

    private mutating func note(_ id: Hash128, _ seq: Int64) {
        freshIDs.append(id)
        freshSeqs.append(seq)
    }

    private mutating func append(_ source: [UInt8], _ start: Int, _ end: Int) {
        if end > start { bytes.append(copying: source.span.extracting(start..<end)) }
    }

    /// Completes the frame's head.
    mutating func seal(firstSeq: Int64, committedAt: Timestamp, salt: UInt64) {
        FrameHeader.write(into: &bytes, firstSeq: firstSeq, count: count, committedAt: committedAt, salt: salt)
    }

    /// Notes the frame's ids in the index.
    func register(in table: IDTable) {
        table.touch(freshIDs)
        for i in freshIDs.indices { table.insert(freshIDs[i], freshSeqs[i]) }
    }
}
