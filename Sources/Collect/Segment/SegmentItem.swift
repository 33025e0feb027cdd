import Model

/// Makes the items of a Segment message, mapped as Segment's own KISSmetrics integration does it: `track` is an event,
/// `page` and `screen` are events named `Viewed … Page` and `Viewed … Screen`, `identify` and `group` set properties,
/// `alias` ties two identities. The identity is `userId`, or without one `anonymousId`; an `identify` with both ties
/// them, too.
struct SegmentItem {
    var receivedAt: Timestamp
    private let wire: WireProtocol
    private var ids: IDSequence

    init(receivedAt: Timestamp, ids: IDSequence, wire: WireProtocol = .segment) {
        self.receivedAt = receivedAt
        self.ids = ids
        self.wire = wire
    }

    /// The item of a message, and the alias that follows from an identify with two ids.
    mutating func make(
        _ call: SegmentCall, _ message: SegmentMessage, _ bytes: Span<UInt8>
    ) throws(Refusal) -> (Item, derived: Item?) {
        var item = Item(kind: .event, wire: wire, timestamp: receivedAt, receivedAt: receivedAt)
        let user = try id(message.userID, bytes, "userId")
        let anonymous = try id(message.anonymousID, bytes, "anonymousId")
        guard let identity = user ?? anonymous else {
            throw Refusal("userId and anonymousId are missing: give one of them")
        }
        item.identity = identity
        let time = message.timestamp.isNothing(bytes) ? message.originalTimestamp : message.timestamp
        if !time.isNothing(bytes) { item.timestamp = try ItemFields.timestamp(time, bytes, "timestamp") }
        if let sent = try id(message.messageID, bytes, "messageId") {
            item.id = sent
            item.dedupID = Hash128(sent.span)
        }
        var derived: Item?
        switch call {
        case .track:
            guard !message.event.isNothing(bytes) else { throw Refusal("event is missing: a track needs a name") }
            try ItemFields.text(message.event, bytes, "event", into: &item.name)
            try properties(message, bytes, into: &item)
        case .page: try view("Page", message, bytes, into: &item)
        case .screen: try view("Screen", message, bytes, into: &item)
        case .identify:
            item.kind = .set
            try SegmentTraits.merge(message, bytes, into: &item.properties)
            if let user, !CollectRules.namesNobody(user.span) { item.flags = .namesIdentity }
            derived = derivedAlias(of: item, user: user, anonymous: anonymous)
        case .group:
            item.kind = .set
            try SegmentTraits.group(message, bytes, into: &item.properties)
        case .alias: try alias(message, bytes, user: user, anonymous: anonymous, into: &item)
        }
        if item.kind == .event, item.id.isEmpty { ids.appendNext(to: &item.id) }
        return (item, derived)
    }

    /// An id; numbers are taken as their text, an empty text is no id.
    private func id(_ token: Token, _ bytes: Span<UInt8>, _ field: StaticString) throws(Refusal) -> [UInt8]? {
        if token.isNothing(bytes) || token.isString(bytes) && token.inner.isEmpty { return nil }
        var text: [UInt8] = []
        try ItemFields.text(token, bytes, field, numbers: true, into: &text)
        return text
    }

    private func properties(
        _ message: SegmentMessage, _ bytes: Span<UInt8>, into item: inout Item
    ) throws(Refusal) {
        if let fault = message.propertyFault { throw Refusal(fault) }
        try ItemFields.properties(message.properties, bytes, "properties", into: &item.properties)
    }

    /// `Viewed <name> Page`; without a name the category stands for it, without both it is `Viewed Page`. A category
    /// that the properties do not have is added to them, as Segment does; it would be lost otherwise.
    private func view(
        _ what: String, _ message: SegmentMessage, _ bytes: Span<UInt8>, into item: inout Item
    ) throws(Refusal) {
        try properties(message, bytes, into: &item)
        let name = try label(message.name, bytes, "name")
        let category = try label(message.category, bytes, "category")
        item.name = Array("Viewed ".utf8)
        if let shown = name ?? category {
            item.name.append(contentsOf: shown)
            item.name.append(0x20)
        }
        item.name.append(contentsOf: Array(what.utf8))
        if let fault = CollectRules.fault(item.name.span) { throw Refusal("the event's name \(fault)") }
        if let category, !SegmentTraits.has("category", item.properties.span) {
            item.properties.removeLast()
            if item.properties.count > 1 { item.properties.append(0x2c) }
            JSONText.appendString("category", to: &item.properties)
            item.properties.append(0x3a)
            JSONText.appendString(category.span, to: &item.properties)
            item.properties.append(0x7d)
        }
    }

    private func label(_ token: Token, _ bytes: Span<UInt8>, _ field: StaticString) throws(Refusal) -> [UInt8]? {
        if token.isNothing(bytes) || token.isString(bytes) && token.inner.isEmpty { return nil }
        var text: [UInt8] = []
        try ItemFields.text(token, bytes, field, into: &text)
        return text
    }

    /// An alias ties `previousId` and the message's identity; analytics.js leaves `previousId` out where it is the
    /// anonymous id.
    private func alias(
        _ message: SegmentMessage, _ bytes: Span<UInt8>, user: [UInt8]?, anonymous: [UInt8]?, into item: inout Item
    ) throws(Refusal) {
        item.kind = .alias
        item.flags = .namesIdentity
        let previous = try id(message.previousID, bytes, "previousId")
        guard let other = previous ?? (user == nil ? nil : anonymous) else {
            throw Refusal("previousId is missing: an alias needs both ids")
        }
        if let fault = CollectRules.aliasFault(item.identity.span, other.span) { throw Refusal(fault) }
        item.other = other
    }

    /// The alias that an identify with two ids implies: nil where both are the same, a reject where one names nobody.
    private func derivedAlias(of item: Item, user: [UInt8]?, anonymous: [UInt8]?) -> Item? {
        guard let user, let anonymous, user != anonymous else { return nil }
        if let fault = CollectRules.aliasFault(user.span, anonymous.span) {
            var raw = Array("{\"type\":\"identify\",\"userId\":".utf8)
            JSONText.appendString(user.span, to: &raw)
            raw.append(contentsOf: Array(",\"anonymousId\":".utf8))
            JSONText.appendString(anonymous.span, to: &raw)
            raw.append(0x7d)
            return Item(
                rejecting: raw.span, reason: "the traits were set, but the ids not tied: \(fault)", wire: wire,
                receivedAt: receivedAt)
        }
        var alias = Item(kind: .alias, wire: wire, timestamp: item.timestamp, receivedAt: receivedAt)
        alias.flags = [.derivedAlias, .namesIdentity]
        alias.identity = user
        alias.other = anonymous
        if !item.id.isEmpty { alias.dedupID = Self.derivedID(item) }
        return alias
    }

    /// The hash of the alias that follows from an identify. Its own seed: the message's id stands for its traits already.
    static func derivedID(_ identify: Item) -> Hash128 { Hash128(identify.id.span, seed: 1) }
}
