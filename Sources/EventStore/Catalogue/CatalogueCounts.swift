public import Model

/// The names of events and properties that are stored, with how often, when and as what they came: a count that goes on from
/// where it was.
public struct CatalogueCounts: Sendable {
    /// What a property's value is.
    public enum ValueKind: String, Sendable, CaseIterable {
        case text
        /// A text that is a time.
        case time
        case number
        case boolean
        case list
        case object
        case null
    }

    /// One name.
    public struct Entry: Sendable {
        public let name: String
        public fileprivate(set) var count: Int64 = 0
        /// The earliest and the latest time of those that have it.
        public fileprivate(set) var first = Timestamp.latest
        public fileprivate(set) var last = Timestamp.earliest
        /// Of a property, how often its value was what.
        public fileprivate(set) var kinds = [Int64](repeating: 0, count: ValueKind.allCases.count)
        /// Of a property of events, which events have it.
        fileprivate var events: Set<Int> = []

        fileprivate init(_ name: String) { self.name = name }

        fileprivate mutating func add(_ time: Timestamp, times count: Int64 = 1) {
            self.count += count
            first = min(first, time)
            last = max(last, time)
        }
    }

    private struct Table {
        var entries: [Entry] = []
        var places: [Hash128: Int] = [:]

        mutating func place(_ name: Span<UInt8>) -> Int {
            let hash = Hash128(name)
            if let known = places[hash] { return known }
            places[hash] = entries.count
            entries.append(Entry(String(utf8: name)))
            return entries.count - 1
        }
    }

    private var ofEvents = Table()
    private var ofEventProperties = Table()
    private var ofPersonProperties = Table()

    /// Everything stored up to this `seq` is counted.
    public internal(set) var seq: Int64 = 0
    /// The store's number of erasures: what was counted before another one does not hold after it.
    public let epoch: Int64

    public init(epoch: Int64) { self.epoch = epoch }

    /// The events, in no order.
    public var events: [Entry] { ofEvents.entries }
    /// The properties of events, in no order.
    public var eventProperties: [Entry] { ofEventProperties.entries }
    /// The properties of persons, in no order; a value that was taken away is a `null`.
    public var personProperties: [Entry] { ofPersonProperties.entries }

    /// The names of the events that have a property, in their order.
    public func eventNames(of property: Entry) -> [String] {
        property.events.map { ofEvents.entries[$0].name }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    // MARK: Counting

    mutating func addEvent(_ name: Span<UInt8>, _ time: Timestamp, _ properties: Span<UInt8>) {
        let event = ofEvents.place(name)
        ofEvents.entries[event].add(time)
        guard properties.count > 2 else { return }
        var at = 0
        // What is stored was validated; a row that cannot be read all the same has no properties.
        try? JSONScanner.object(properties, &at) { (token, at) throws(JSONError) in
            let key = properties.extracting(token.range)
            let place: Int
            if token.escaped {
                var text: [UInt8] = []
                JSONText.appendUnescaped(token, in: properties, to: &text)
                place = ofEventProperties.place(text.span)
            } else {
                place = ofEventProperties.place(key)
            }
            let value = try JSONScanner.value(properties, &at)
            let kind = Self.kind(properties.extracting(value))
            ofEventProperties.entries[place].add(time)
            ofEventProperties.entries[place].kinds[kind.place] += 1
            ofEventProperties.entries[place].events.insert(event)
        }
    }

    mutating func addChange(_ name: Span<UInt8>, _ time: Timestamp, _ value: Span<UInt8>) {
        let place = ofPersonProperties.place(name)
        ofPersonProperties.entries[place].add(time)
        ofPersonProperties.entries[place].kinds[Self.kind(value).place] += 1
    }

    private static func kind(_ value: Span<UInt8>) -> ValueKind {
        guard value.count > 0 else { return .null }
        switch value[0] {
        case UInt8(ascii: "\""):
            // Only what begins with a digit can be a time.
            guard value.count >= 12, value[1] &- 48 < 10, WrittenTime(value.extracting(1..<(value.count - 1))) != nil
            else { return .text }
            return .time
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .list
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
        case UInt8(ascii: "n"): return .null
        default: return .number
        }
    }
}

extension CatalogueCounts.ValueKind {
    fileprivate var place: Int {
        switch self {
        case .text: 0
        case .time: 1
        case .number: 2
        case .boolean: 3
        case .list: 4
        case .object: 5
        case .null: 6
        }
    }
}
