public import Model

/// One request's items in the journal's binary form, ready to be copied into a frame.
public struct Submission: Sendable {
    /// The items, one after another, as `Item.encode` writes them.
    public internal(set) var bytes: [UInt8] = []
    public internal(set) var items: [SubmittedItem] = []
    /// The parts apart from the items, so that a run of new items is one copy.
    var partBytes: [UInt8] = []
    var parts: [SubmittedItem] = []

    public init() {}

    /// The number of items, parts not counted.
    public var count: Int { items.count }

    /// Adds an item.
    ///
    /// - Parameter parts: for a KISSmetrics call with `_t`, one `set` item for each property with a `dedupID` of its
    ///   own, in the order of `item.partIDs`. A part is stored alone when `item` is a duplicate but that part is new.
    public mutating func add(_ item: Item, parts: [Item] = []) {
        precondition(item.partIDs.count == parts.count, "the ids of an item's parts are those of the parts")
        let firstPart = self.parts.count
        if self.parts.isEmpty, !parts.isEmpty { reserveParts(of: item, count: parts.count) }
        for place in parts.indices {
            precondition(
                item.partIDs[place] == parts[place].dedupID, "the ids of an item's parts are those of the parts")
            let start = partBytes.count
            parts[place].encode(into: &partBytes)
            self.parts.append(
                SubmittedItem(
                    start: start, end: partBytes.count, dedupID: item.partIDs[place], firstPart: 0, partCount: 0))
        }
        let start = bytes.count
        item.encode(into: &bytes)
        items.append(
            SubmittedItem(
                start: start, end: bytes.count, dedupID: item.dedupID, firstPart: firstPart, partCount: parts.count))
    }

    /// Makes room for the parts of the first item: most submissions with parts have one item, whose properties they share.
    private mutating func reserveParts(of item: Item, count: Int) {
        parts.reserveCapacity(count)
        partBytes.reserveCapacity(count * (64 + item.identity.count) + item.properties.count)
    }

    /// What the submission weighs in the queue, in bytes.
    var weight: Int {
        bytes.count + partBytes.count + (items.count + parts.count) * MemoryLayout<SubmittedItem>.stride + 256
    }
}

/// Where an item lies in its submission, and what duplicates of it are found by.
public struct SubmittedItem: Sendable {
    let start: Int
    let end: Int
    public let dedupID: Hash128
    let firstPart: Int
    let partCount: Int
}

/// What became of one item.
public enum Verdict: Sendable, Equatable {
    /// It is durable under this `seq`.
    case stored(Int64)
    /// Its id is that of an item which is durable under this `seq`.
    case duplicate(of: Int64)
}

/// The journal's answer to a submission: everything it names is on disk.
public struct Receipt: Sendable, Equatable {
    /// One for each item, in the order of the submission.
    public let verdicts: [Verdict]
    /// The highest `seq` that these items have, originals of duplicates and parts stored alone included; without
    /// items, the durable `seq`.
    public let watermark: Int64
    /// The places of those duplicates of which parts were new, and are stored now.
    public let withNewParts: Set<Int>

    init(verdicts: [Verdict], watermark: Int64, withNewParts: Set<Int> = []) {
        self.verdicts = verdicts
        self.watermark = watermark
        self.withNewParts = withNewParts
    }
}
