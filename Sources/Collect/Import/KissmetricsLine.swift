import Model

/// What one line of KISSmetrics' export says. Keys that begin with `_` are the system's: those that are not named here (`_c`
/// and whatever else there is) are no properties.
struct KissmetricsLine {
    /// `_p`.
    private(set) var identity: [UInt8]?
    /// `_n`: the line is an event.
    private(set) var name: [UInt8]?
    /// `_p2`: the line ties two identities.
    private(set) var other: [UInt8]?
    /// `_t`: when it happened.
    private(set) var time: [UInt8]?
    /// `_server_timestamp`: when it was received.
    private(set) var serverTime: [UInt8]?
    /// `_nth`: which of the lines it is that would be taken for repeats of one another; only our own exports have it.
    private(set) var nth: [UInt8]?
    private(set) var properties: [KissmetricsParameters.Property] = []
    private var folded: Set<[UInt8]> = []
    /// What is wrong although the line is JSON.
    private var fault: String?

    /// Reads a line that was mended.
    init(_ line: Span<UInt8>) throws(Refusal) {
        var read = KissmetricsLine()
        do throws(JSONError) {
            var at = 0
            try JSONScanner.object(line, &at) { (key, at) throws(JSONError) in
                try read.member(key, line, &at)
            }
            JSONScanner.skipWhitespace(line, &at)
            guard at == line.count else { throw JSONError("something follows the object", at: at) }
        } catch {
            throw Refusal("the line is not a JSON object: \(error.reason) at byte \(error.offset)")
        }
        if let fault = read.fault { throw Refusal(fault) }
        self = read
    }

    private init() {}

    private mutating func member(
        _ key: JSONStringToken, _ line: Span<UInt8>, _ at: inout Int
    ) throws(JSONError) {
        var name: [UInt8] = []
        JSONText.appendUnescaped(key, in: line, to: &name)
        let token = try Token(line, &at, depth: 1)
        guard name.first == 0x5f else { return add(name, token, line) }
        switch String(decoding: name, as: UTF8.self) {
        case "_p": Self.keep(token, line, "_p", &identity, &fault)
        case "_n": Self.keep(token, line, "_n", &self.name, &fault)
        case "_p2": Self.keep(token, line, "_p2", &other, &fault)
        case "_t": Self.keep(token, line, "_t", &time, &fault)
        case "_server_timestamp": Self.keep(token, line, "_server_timestamp", &serverTime, &fault)
        case "_nth": Self.keep(token, line, "_nth", &nth, &fault)
        default: break
        }
    }

    /// Keeps the first of a field given twice, as KISSmetrics does.
    private static func keep(
        _ token: Token, _ line: Span<UInt8>, _ field: StaticString, _ text: inout [UInt8]?, _ fault: inout String?
    ) {
        guard text == nil, !token.isNothing(line) else { return }
        guard token.isString(line) || token.isNumber(line) else {
            fault = fault ?? "\(field) must be a text, but it is \(token.kind(line))"
            return
        }
        var read: [UInt8] = []
        token.read(line, into: &read)
        text = read
    }

    private mutating func add(_ name: [UInt8], _ token: Token, _ line: Span<UInt8>) {
        let name = KissmetricsParameters.spaced(name)
        if let wrong = CollectRules.fault(name.span) {
            let shown = String(String(decoding: name, as: UTF8.self).unicodeScalars.prefix(40).map(Character.init))
            fault = fault ?? "the property name \"\(shown)\" \(wrong)"
            return
        }
        let folded = NameFolding.folded(name.span)
        guard self.folded.insert(folded).inserted else { return }
        var value: [UInt8] = []
        if token.isString(line) {
            var text: [UInt8] = []
            token.read(line, into: &text)
            ValueText.append(text.span, to: &value)
        } else {
            JSONText.appendCompact(line.extracting(token.range), to: &value)
        }
        properties.append(KissmetricsParameters.Property(name: name, folded: folded, value: value))
    }
}
