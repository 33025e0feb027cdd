import Model

/// Reads native items one after another from a body's bytes.
///
/// `{"id"?, "type"?: "track"|"set"|"alias", "identity", "event"?, "timestamp"?, "properties"?, "other"?}`. `null` is the
/// same as absent. Keys that are not of these, and keys that an item's type has no use for, are ignored, so that newer
/// clients can talk to older servers; a key given twice refuses the item.
struct NativeItemReader {
    /// Items lie in an object and an array of a body; NDJSON's are held to the same depth.
    static let depth = 2

    let receivedAt: Timestamp
    let wire: WireProtocol
    /// Whether `event_id` stands for `id`, so that our own exports can be read.
    let takesEventID: Bool
    /// The zone of times that name none; nil for UTC, as over HTTP.
    let zone: ImportZone?
    /// The item that the last read filled; kept so that its storage serves for all.
    private(set) var item: Item
    /// Whether that item came with a time.
    private(set) var hasTime = false
    private var ids: IDSequence
    private var type: [UInt8] = []

    init(
        wire: WireProtocol, receivedAt: Timestamp, ids: IDSequence, takesEventID: Bool = false,
        zone: ImportZone? = nil
    ) {
        self.wire = wire
        self.receivedAt = receivedAt
        self.ids = ids
        self.takesEventID = takesEventID
        self.zone = zone
        item = Item(kind: .event, wire: wire, timestamp: receivedAt, receivedAt: receivedAt)
    }

    private struct Fields {
        var id = Token()
        var type = Token()
        var identity = Token()
        var event = Token()
        var timestamp = Token()
        var properties = Token()
        var other = Token()
        var twice: StaticString?
        var nameFault: String?
    }

    /// Reads the value at `at`, which moves past it. Returns why it is no item, or nil with the item in `item`; throws
    /// if the bytes are not JSON.
    mutating func read(_ bytes: Span<UInt8>, _ at: inout Int) throws(JSONError) -> String? {
        JSONScanner.skipWhitespace(bytes, &at)
        let start = at
        do throws(JSONError) {
            return try readBounded(bytes, &at)
        } catch {
            // JSON that only nests too deep is the fault of this item, not of the whole body.
            at = start
            try JSONScanner.deepValue(bytes, &at)
            return error.reason
        }
    }

    /// Reads the value at `at`; throws if it nests too deep, too.
    @inline(__always)
    private mutating func readBounded(_ bytes: Span<UInt8>, _ at: inout Int) throws(JSONError) -> String? {
        guard at < bytes.count, bytes[at] == 0x7b else {
            let token = try Token(bytes, &at, depth: Self.depth)
            return "an item must be an object, but this is \(token.kind(bytes))"
        }
        let start = at
        var fields = Fields()
        try scan(bytes, &at, &fields)
        if at - start > CollectLimits.itemBytes {
            return "the item has \(at - start) bytes: at most \(CollectLimits.itemBytes) are taken"
        }
        if let twice = fields.twice { return "the key \(twice) is given twice: give it once" }
        do throws(Refusal) {
            try fill(fields, bytes)
            return nil
        } catch {
            return error.reason
        }
    }

    private func scan(_ bytes: Span<UInt8>, _ at: inout Int, _ fields: inout Fields) throws(JSONError) {
        try JSONScanner.object(bytes, &at, depth: Self.depth) { (key, at) throws(JSONError) in
            if isKey(key, bytes, "properties") {
                if !fields.properties.isAbsent { fields.twice = "properties" }
                fields.properties = try ItemFields.scanProperties(
                    bytes, &at, depth: Self.depth + 1, &fields.nameFault)
                return
            }
            let token = try Token(bytes, &at, depth: Self.depth + 1)
            if isKey(key, bytes, "identity") {
                if !fields.identity.isAbsent { fields.twice = "identity" }
                fields.identity = token
            } else if isKey(key, bytes, "event") {
                if !fields.event.isAbsent { fields.twice = "event" }
                fields.event = token
            } else if isKey(key, bytes, "timestamp") {
                if !fields.timestamp.isAbsent { fields.twice = "timestamp" }
                fields.timestamp = token
            } else if isKey(key, bytes, "id") || takesEventID && isKey(key, bytes, "event_id") {
                if !fields.id.isAbsent { fields.twice = "id" }
                fields.id = token
            } else if isKey(key, bytes, "type") {
                if !fields.type.isAbsent { fields.twice = "type" }
                fields.type = token
            } else if isKey(key, bytes, "other") {
                if !fields.other.isAbsent { fields.twice = "other" }
                fields.other = token
            }
        }
    }

    private mutating func fill(_ fields: Fields, _ bytes: Span<UInt8>) throws(Refusal) {
        item.kind = try kind(fields.type, bytes)
        item.flags = item.kind == .alias ? .namesIdentity : []
        try ItemFields.text(fields.identity, bytes, "identity", into: &item.identity)
        item.name.removeAll(keepingCapacity: true)
        item.other.removeAll(keepingCapacity: true)
        item.properties.removeAll(keepingCapacity: true)
        switch item.kind {
        case .alias:
            try ItemFields.text(fields.other, bytes, "other", into: &item.other)
            if let fault = CollectRules.aliasFault(item.identity.span, item.other.span) { throw Refusal(fault) }
        case .set:
            guard !fields.properties.isNothing(bytes) else {
                throw Refusal("properties is missing: a set needs an object of what to set")
            }
        default:
            try ItemFields.text(fields.event, bytes, "event", into: &item.name)
        }
        if item.kind != .alias {
            if let fault = fields.nameFault { throw Refusal(fault) }
            try ItemFields.properties(fields.properties, bytes, "properties", into: &item.properties)
        }
        hasTime = !fields.timestamp.isNothing(bytes)
        item.timestamp =
            hasTime ? try ItemFields.timestamp(fields.timestamp, bytes, "timestamp", zone: zone) : receivedAt
        try fillID(fields.id, bytes)
    }

    private mutating func fillID(_ token: Token, _ bytes: Span<UInt8>) throws(Refusal) {
        if token.isNothing(bytes) {
            item.dedupID = .none
            item.id.removeAll(keepingCapacity: true)
            // Only an event's id can be seen later.
            if item.kind == .event { ids.appendNext(to: &item.id) }
        } else {
            try ItemFields.text(token, bytes, "id", into: &item.id)
            item.dedupID = Hash128(item.id.span)
        }
    }

    private mutating func kind(_ token: Token, _ bytes: Span<UInt8>) throws(Refusal) -> ItemKind {
        if token.isNothing(bytes) { return .event }
        guard token.isString(bytes) else {
            throw Refusal("type must be \"track\", \"set\" or \"alias\", but it is \(token.kind(bytes))")
        }
        token.read(bytes, into: &type)
        guard let kind = ItemKind(nativeType: type.span) else {
            throw Refusal("type must be \"track\", \"set\" or \"alias\"; nothing else is known")
        }
        return kind
    }
}

extension ItemKind {
    /// The kind that a native item's `type` names.
    init?(nativeType text: Span<UInt8>) {
        switch String(utf8: text) {
        case "track": self = .event
        case "set": self = .set
        case "alias": self = .alias
        default: return nil
        }
    }
}
