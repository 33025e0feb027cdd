internal import Control
internal import EventStore
internal import Model

/// What a key is asked to be: `{"name": "CRM", "scopes": ["people:read"], "columns": ["person_id"], "expires_at": "…"}`.
struct KeyRequest: Sendable {
    let name: String
    let scopes: Set<Scope>
    /// The only columns that it is to read; nil for all.
    let columns: [String]?
    let expiresAt: Timestamp?
    /// How many requests it may make; nil for any number.
    let rateLimit: RateLimit?

    /// - Parameters:
    ///   - now: an expiry must be after it.
    ///   - computed: the computed columns of people that there are.
    init(json: JSONValue, now: Timestamp, computed: [String] = []) throws(Problem) {
        guard case .object(let members) = json else {
            throw Self.problem(#"send {"name": "…", "scopes": ["people:read"]}"#)
        }
        let known = ["name", "scopes", "columns", "expires_at", "rate_limit", "rate_burst"]
        if let other = members.first(where: { !known.contains($0.key) }) {
            throw Self.problem("\"\(other.key.prefix(64))\" is not known; there are \(known.joined(separator: ", "))")
        }
        guard let name = json["name"]?.stringValue, (1...255).contains(name.utf8.count), !name.utf8.contains(0)
        else {
            throw Self.problem("\"name\" says what the key is for, in 1 to 255 bytes")
        }
        self.name = name
        scopes = try Self.scopes(json["scopes"])
        columns = try Self.columns(json["columns"] ?? .null, computed)
        guard columns == nil || !scopes.contains(.admin) else {
            throw Self.problem("\"columns\" cannot bound a key with the scope admin; name the scopes that it needs")
        }
        expiresAt = try Self.expiry(json["expires_at"] ?? .null, now)
        rateLimit = try Self.rateLimit(json["rate_limit"] ?? .null, burst: json["rate_burst"] ?? .null)
    }

    private static func scopes(_ value: JSONValue?) throws(Problem) -> Set<Scope> {
        let known = Scope.allCases.map(\.rawValue).joined(separator: ", ")
        guard let values = value?.arrayValue, !values.isEmpty else {
            throw problem("\"scopes\" is a list of at least one of \(known)")
        }
        var scopes: Set<Scope> = []
        for (place, value) in values.enumerated() {
            guard let scope = value.stringValue.flatMap(Scope.init(rawValue:)) else {
                throw problem("\"scopes\"[\(place)] is no scope; there are \(known)")
            }
            scopes.insert(scope)
        }
        return scopes
    }

    private static func columns(_ value: JSONValue, _ computed: [String]) throws(Problem) -> [String]? {
        if value == .null { return nil }
        guard let values = value.arrayValue, (1...ColumnExpression.mostColumns).contains(values.count) else {
            throw problem("\"columns\" lists 1 to \(ColumnExpression.mostColumns) columns; leave it out for all")
        }
        var columns: [String] = []
        for (place, value) in values.enumerated() {
            guard let column = value.stringValue, ColumnGrant.isColumn(column, computed: computed) else {
                throw problem(
                    "\"columns\"[\(place)] is no column; there are properties.NAME, properties.*, person.NAME, person.*, count(EVENT), "
                        + "first(EVENT), last(EVENT), "
                        + (BuiltinColumn.allCases.map(\.rawValue) + computed).joined(separator: ", "))
            }
            columns.append(column)
        }
        return columns
    }

    private static func expiry(_ value: JSONValue, _ now: Timestamp) throws(Problem) -> Timestamp? {
        if value == .null { return nil }
        let text = value.stringValue ?? value.text
        guard let time = WrittenTime(text)?.timestamp() ?? Timestamp(epochSeconds: text) else {
            throw problem("\"expires_at\" is a time as in RFC 3339, a date, or epoch seconds")
        }
        guard time > now else { throw problem("\"expires_at\" is \(time.text), which has passed") }
        return time
    }

    private static func rateLimit(_ value: JSONValue, burst: JSONValue) throws(Problem) -> RateLimit? {
        let range = RateLimit.range
        func number(_ value: JSONValue, _ name: String) throws(Problem) -> Int64? {
            if value == .null { return nil }
            guard let number = value.intValue, range.contains(number) else {
                throw problem(
                    "\"\(name)\" is a whole number of requests from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        let most = try number(burst, "rate_burst")
        guard let perSecond = try number(value, "rate_limit") else {
            guard most == nil else { throw problem("\"rate_burst\" has no meaning without \"rate_limit\"") }
            return nil
        }
        return RateLimit(perSecond: perSecond, burst: most)
    }

    static func problem(_ detail: String) -> Problem { .badRequest(detail, code: "invalid_key") }
}
