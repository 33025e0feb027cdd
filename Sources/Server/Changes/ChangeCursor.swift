internal import Model
internal import People

/// Up to where a poller knows what changed; opaque to it.
enum ChangeCursor: Equatable {
    /// Up to the change of this number.
    case people(Int64)
    /// Up to this `seq`.
    case events(Int64)
    case segment(SegmentPlace)

    /// A segment's people at one moment, and how far somebody is on the way to those of a later one.
    struct SegmentPlace: Equatable {
        /// A state of a segment: everything up to a `seq`, a moment, and the last change of people then.
        struct Moment: Equatable {
            let seq: Int64
            let time: Timestamp
            let changeSeq: Int64
        }

        /// Tells segments apart.
        let segment: Int64
        /// Nil for nobody: where a poller begins.
        let known: Moment?
        /// Of a walk that is not over: where it leads, and the last person that was shown.
        let walk: (to: Moment, after: Int64)?

        static func == (a: SegmentPlace, b: SegmentPlace) -> Bool {
            (a.segment, a.known, a.walk?.to, a.walk?.after) == (b.segment, b.known, b.walk?.to, b.walk?.after)
        }
    }

    private static let none = SegmentPlace.Moment(seq: -1, time: Timestamp(microseconds: 0), changeSeq: -1)

    /// `kind.number.number…`, numbers in base 32.
    var text: String {
        switch self {
        case .people(let number): Self.text("P", [number])
        case .events(let seq): Self.text("E", [seq])
        case .segment(let place):
            Self.text(
                place.walk == nil ? "S" : "W",
                [place.segment] + Self.numbers(place.known ?? Self.none)
                    + (place.walk.map { Self.numbers($0.to) + [$0.after] } ?? []))
        }
    }

    private static func text(_ kind: String, _ numbers: [Int64]) -> String {
        ([kind] + numbers.map { Base32.encode(UInt64(bitPattern: $0)) }).joined(separator: ".")
    }

    private static func numbers(_ moment: SegmentPlace.Moment) -> [Int64] {
        [moment.seq, moment.time.microseconds, moment.changeSeq]
    }

    /// Reads what `text` wrote.
    init(_ text: String) throws(PeopleError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.dropFirst().compactMap { Base32.decode($0) }.map { Int64(bitPattern: $0) }
        guard let kind = parts.first, numbers.count == parts.count - 1 else { throw PeopleError.strangeCursor }
        switch (kind, numbers.count) {
        case ("P", 1) where numbers[0] >= 0: self = .people(numbers[0])
        case ("E", 1) where numbers[0] >= 0: self = .events(numbers[0])
        case ("S", 4):
            self = .segment(SegmentPlace(segment: numbers[0], known: try Self.moment(numbers[1...3]), walk: nil))
        case ("W", 8):
            guard let to = try Self.moment(numbers[4...6]) else { throw PeopleError.strangeCursor }
            self = .segment(
                SegmentPlace(
                    segment: numbers[0], known: try Self.moment(numbers[1...3]), walk: (to, numbers[7])))
        default: throw PeopleError.strangeCursor
        }
    }

    private static func moment(_ numbers: ArraySlice<Int64>) throws(PeopleError) -> SegmentPlace.Moment? {
        let (seq, time, change) = (
            numbers[numbers.startIndex], Timestamp(microseconds: numbers[numbers.startIndex + 1]),
            numbers[numbers.startIndex + 2]
        )
        if seq == -1 { return nil }
        guard seq >= 0, change >= 0, time.isInRange else { throw PeopleError.strangeCursor }
        return SegmentPlace.Moment(seq: seq, time: time, changeSeq: change)
    }
}
