internal import Model

/// An object of a trigger's description, with the path that errors name.
struct TriggerNode {
    let json: JSONValue
    let path: String

    init(_ json: JSONValue, _ path: String) throws(TriggerError) {
        guard case .object = json else { throw TriggerError(at: path, "is an object") }
        self.json = json
        self.path = path
    }

    /// A member; null counts as not given.
    subscript(name: String) -> JSONValue? { json[name] == .null ? nil : json[name] }

    func allow(_ names: [String]) throws(TriggerError) {
        guard case .object(let members) = json else { return }
        for member in members where !names.contains(member.key) {
            throw TriggerError(
                at: path, "\"\(member.key.prefix(64))\" has no place here; there are \(names.joined(separator: ", "))")
        }
    }

    /// A length of time in microseconds.
    func length(_ name: String) throws(TriggerError) -> Int64? {
        guard let value = self[name] else { return nil }
        guard let text = value.stringValue, let length = Durations.microseconds(text), length < 1 << 53 else {
            throw error(name, "is a length of time, such as 30s, 10m, 24h or 7d")
        }
        return length
    }

    func word<T: RawRepresentable<String> & CaseIterable>(_ name: String) throws(TriggerError) -> T? {
        guard let value = self[name] else { return nil }
        guard let text = value.stringValue, let word = T(rawValue: text) else {
            throw error(name, "is \(T.allCases.map { $0.rawValue }.joined(separator: " or "))")
        }
        return word
    }

    func error(_ name: String, _ reason: String) -> TriggerError { TriggerError(at: "\(path).\(name)", reason) }
}
