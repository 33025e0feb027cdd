internal import Model

/// Where an entry of the audit can name somebody: anywhere in what was asked.
extension NamedTexts {
    /// Whether a document names one of them: as a whole text, or as a part that is hardly anything else.
    func isNamed(in json: JSONValue) -> Bool {
        switch json {
        case .object(let members): members.contains { isNamed(asked: $0.key) || isNamed(in: $0.value) }
        case .array(let elements): elements.contains(where: isNamed(in:))
        case .string(let text): isNamed(asked: text)
        case .number(let text): isName(text) && Self.isTelling(text)
        case .null, .bool: false
        }
    }

    private func isNamed(asked text: String) -> Bool { isName(text) || redacted(text) != text }
}
