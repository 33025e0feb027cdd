import Model

/// A mapping as it reads flat objects.
struct NDJSONPlan {
    private enum Field { case identity, timestamp, event, id, type, other, object }

    private var fields: [[UInt8]: [Field]] = [:]
    private var constants = MappedRow()
    /// The members that are properties; nil where all that are not mapped are.
    private let listed: Set<[UInt8]>?

    init(_ mapping: ImportMapping) {
        switch mapping.properties {
        case .unmapped: listed = nil
        case .columns(let names): listed = Set(names.map { Array($0.utf8) })
        }
        add(mapping.identity, .identity)
        add(mapping.timestamp ?? .column("timestamp"), .timestamp)
        add(mapping.event ?? .column("event"), .event)
        add(mapping.id, .id)
        add(mapping.type, .type)
        add(mapping.other, .other)
        constants.needsTimestamp = mapping.timestamp != nil
        if let object = mapping.object {
            add(.column(object), .object)
        } else if listed == nil {
            add(.column("properties"), .object)
        }
    }

    private mutating func add(_ source: ImportMapping.Source?, _ field: Field) {
        switch source {
        case nil: break
        case .column(let name): fields[Array(name.utf8), default: []].append(field)
        case .constant(let text): Self.set(Array(text.utf8), field, in: &constants)
        }
    }

    private static func set(_ text: [UInt8], _ field: Field, in row: inout MappedRow) {
        switch field {
        case .identity: row.identity = row.identity ?? text
        case .timestamp: row.timestamp = row.timestamp ?? text
        case .event: row.event = row.event ?? text
        case .id: row.id = row.id ?? text
        case .type: row.type = row.type ?? text
        case .other: row.other = row.other ?? text
        case .object: break
        }
    }

    /// Members of one line, on the way to a row.
    private struct Found {
        var row: MappedRow
        /// The members that are properties, without braces.
        var members: [UInt8] = []
        var object: [UInt8]?
        var fault: String?
    }

    /// Reads the line of one object.
    func read(_ line: Span<UInt8>) throws(Refusal) -> MappedRow {
        var found = Found(row: constants)
        do throws(JSONError) {
            var at = 0
            try JSONScanner.object(line, &at, depth: NativeItemReader.depth) { (key, at) throws(JSONError) in
                try member(key, line, &at, &found)
            }
            JSONScanner.skipWhitespace(line, &at)
            guard at == line.count else { throw JSONError("something follows the object", at: at) }
        } catch {
            throw Refusal("the line is not a JSON object: \(error.reason) at byte \(error.offset)")
        }
        if let fault = found.fault { throw Refusal(fault) }
        var properties: [UInt8] = [0x7b]
        if let object = found.object {
            properties.append(contentsOf: object.dropFirst().dropLast())
            // Native in shape: what lies beside the object is no property, unless the mapping lists it.
            if listed == nil { found.members.removeAll() }
        }
        if properties.count > 1, !found.members.isEmpty { properties.append(0x2c) }
        properties.append(contentsOf: found.members)
        properties.append(0x7d)
        found.row.properties = properties
        return found.row
    }

    private func member(
        _ key: JSONStringToken, _ line: Span<UInt8>, _ at: inout Int, _ found: inout Found
    ) throws(JSONError) {
        var name: [UInt8] = []
        JSONText.appendUnescaped(key, in: line, to: &name)
        let depth = NativeItemReader.depth + 1
        let roles = fields[name] ?? []
        let isListed = listed?.contains(name) ?? false
        var nameFault: String?
        let token =
            roles.contains(.object)
            ? try ItemFields.scanProperties(line, &at, depth: depth, &nameFault)
            : try Token(line, &at, depth: depth)
        for role in roles {
            if role == .object {
                guard token.isObject(line), found.object == nil else { continue }
                found.fault = found.fault ?? nameFault
                var object: [UInt8] = []
                JSONText.appendCompact(line.extracting(token.range), to: &object)
                found.object = object
            } else if token.isString(line) || token.isNumber(line) {
                var text: [UInt8] = []
                token.read(line, into: &text)
                Self.set(text, role, in: &found.row)
            } else if !token.isNothing(line) {
                let shown = String(decoding: name, as: UTF8.self)
                found.fault = found.fault ?? "\(shown) must be a text, but it is \(token.kind(line))"
            }
        }
        let isField = !roles.isEmpty && !(roles == [.object] && !token.isObject(line))
        guard isListed || listed == nil && !isField else { return }
        found.fault = found.fault ?? ItemFields.nameFault(key, line)
        if !found.members.isEmpty { found.members.append(0x2c) }
        found.members.append(copying: line.extracting((key.range.lowerBound - 1)..<(key.range.upperBound + 1)))
        found.members.append(0x3a)
        JSONText.appendCompact(line.extracting(token.range), to: &found.members)
    }
}
