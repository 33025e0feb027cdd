internal import Journal
internal import Model

/// Items that go into one transaction: parts of frames in order.
struct ItemBatch: Sendable {
    /// Consecutive items of one payload.
    struct Slice: Sendable {
        let payload: [UInt8]
        /// Where the first item begins.
        let offset: Int
        let firstSeq: Int64
        let count: Int
    }

    var slices: [Slice] = []
    private(set) var count = 0
    private(set) var lastSeq: Int64 = 0
    /// When the frame of the last item was committed, in microseconds since 1970.
    private(set) var committedAt: Int64 = 0

    mutating func add(_ slice: Slice, committedAt: Int64) {
        slices.append(slice)
        count += slice.count
        lastSeq = slice.firstSeq + Int64(slice.count) - 1
        self.committedAt = committedAt
    }

    /// Goes through the items in order: payload, item, `seq`, and the number of the slice.
    ///
    /// - Throws: `.damaged` at bytes that are no item; what `body` throws.
    func forEach(
        _ body: (Span<UInt8>, ItemLayout, Int64, Int) throws(StoreError) -> Void
    ) throws(StoreError) {
        for (number, slice) in slices.enumerated() {
            let payload = slice.payload.span
            var at = slice.offset
            for i in 0..<slice.count {
                let seq = slice.firstSeq + Int64(i)
                guard let item = ItemLayout(payload, at: &at) else { throw Self.damage(seq) }
                try body(payload, item, seq, number)
            }
        }
    }

    /// The text of a field, copied.
    func text(_ slice: Int, _ range: Range<Int>) -> [UInt8] {
        Array(slices[slice].payload[range])
    }

    static func damage(_ seq: Int64) -> StoreError {
        StoreError(
            .damaged,
            "The journal's item \(seq) cannot be read: its frame is whole, so another program wrote it, or this one has "
                + "a fault. Nothing after it is applied.")
    }
}

/// Frames that were read and not applied yet, cut into batches.
struct BatchCursor {
    private var frames: [JournalFrame] = []
    private var next = 0
    /// Items of the next frame that are already in a batch, and where the first one that is not begins.
    private var taken = 0
    private var offset = 0

    var isEmpty: Bool { next == frames.count }

    mutating func add(_ more: [JournalFrame]) {
        if isEmpty {
            frames = more
            next = 0
        } else {
            frames.append(contentsOf: more)
        }
    }

    /// The next items, at most `most` of them.
    mutating func batch(most: Int) throws(StoreError) -> ItemBatch {
        var batch = ItemBatch()
        while next < frames.count, batch.count < most {
            let frame = frames[next]
            let count = min(frame.count - taken, most - batch.count)
            let slice = ItemBatch.Slice(
                payload: frame.payload, offset: offset, firstSeq: frame.firstSeq + Int64(taken), count: count)
            batch.add(slice, committedAt: frame.committedAt.microseconds)
            if taken + count == frame.count {
                next += 1
                (taken, offset) = (0, 0)
            } else {
                offset = try Self.skip(count, of: slice)
                taken += count
            }
        }
        if isEmpty {
            frames = []
            next = 0
        }
        return batch
    }

    private static func skip(_ count: Int, of slice: ItemBatch.Slice) throws(StoreError) -> Int {
        var at = slice.offset
        for i in 0..<count where ItemLayout(slice.payload.span, at: &at) == nil {
            throw ItemBatch.damage(slice.firstSeq + Int64(i))
        }
        return at
    }
}
