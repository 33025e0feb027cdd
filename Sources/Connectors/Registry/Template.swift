public import Model

/// A text with places for parts of a document: `{"what": {{data.event}}, "text": "Hello {{data.identity}}"}`. Declarative: a path and nothing else, so there is nothing to
/// run and nothing that can fail but a path that is not there, which is null.
public struct Template: Sendable, Equatable {
    private enum Piece: Sendable, Equatable {
        case text(String)
        /// Inside a JSON text, or where a value stands by itself.
        case path([String], isInText: Bool)
    }

    private let pieces: [Piece]

    public init(_ text: String) throws(ConnectorError) {
        var pieces: [Piece] = []
        var rest = Substring(text)
        var (isInText, isEscaped) = (false, false)
        while let open = Self.find("{{", in: rest) {
            let after = rest.index(open, offsetBy: 2)
            guard let close = Self.find("}}", in: rest[after...]) else {
                throw ConnectorError(.badSetting, "a {{ has no }} after it")
            }
            let path = rest[after..<close].filter { $0 != " " }.split(separator: ".", omittingEmptySubsequences: false)
            guard path.allSatisfy({ !$0.isEmpty }), !path.isEmpty else {
                throw ConnectorError(.badSetting, "between {{ and }} stands a path such as data.event")
            }
            for byte in rest[..<open].utf8 {
                if isEscaped {
                    isEscaped = false
                } else if byte == 0x22 {
                    isInText.toggle()
                } else if byte == 0x5c, isInText {
                    isEscaped = true
                }
            }
            isEscaped = false
            pieces.append(.text(String(rest[..<open])))
            pieces.append(.path(path.map(String.init), isInText: isInText))
            rest = rest[rest.index(close, offsetBy: 2)...]
        }
        pieces.append(.text(String(rest)))
        self.pieces = pieces
    }

    private static func find(_ mark: String, in text: Substring) -> String.Index? {
        var at = text.startIndex
        while at < text.endIndex {
            if text[at...].hasPrefix(mark) { return at }
            at = text.index(after: at)
        }
        return nil
    }

    /// The most bytes that a template is filled to: a few marks can say a long message many times over.
    public static let mostBytes = 256 << 10

    /// The text with JSON values in their places, and within a JSON text with what they say, so written that it ends no text: whatever is
    /// in them, the body stays JSON. Nil if it would be longer than is sent.
    public func text(_ document: JSONValue) -> String? {
        fill(document) { value, isInText in isInText ? Self.inText(value) : value.text }
    }

    /// A value within a JSON text: nothing for null.
    private static func inText(_ value: JSONValue) -> String {
        if value == .null { return "" }
        return String(JSONValue.string(value.stringValue ?? value.text).text.dropFirst().dropLast())
    }

    /// The text with plain texts in their places.
    public func plain(_ document: JSONValue) -> String? {
        fill(document) { value in value.stringValue ?? value.text }
    }

    /// The same without line breaks: for a header, of at most 8 KiB.
    func line(_ document: JSONValue) -> String? {
        fill(document, atMost: 8 << 10) { value in value.stringValue ?? value.text }?.filter {
            $0.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7f }
        }
    }

    /// The text in one line, whatever is put in: for a subject.
    public func subject(_ document: JSONValue) -> String? { plain(document).map { MailText.line($0) } }

    /// The text with what is put in as HTML shows it: no mark of it means anything there.
    func html(_ document: JSONValue) -> String? {
        fill(document) { value in
            var out = ""
            for character in value.stringValue ?? value.text {
                switch character {
                case "&": out += "&amp;"
                case "<": out += "&lt;"
                case ">": out += "&gt;"
                case "\"": out += "&quot;"
                case "'": out += "&#39;"
                default: out.append(character)
                }
            }
            return out
        }
    }

    private func fill(
        _ document: JSONValue, atMost most: Int = mostBytes, _ written: (JSONValue) -> String
    ) -> String? {
        fill(document, atMost: most) { value, _ in written(value) }
    }

    private func fill(
        _ document: JSONValue, atMost most: Int = mostBytes, _ written: (JSONValue, _ isInText: Bool) -> String
    ) -> String? {
        var out = ""
        for piece in pieces {
            switch piece {
            case .text(let text): out += text
            case .path(let path, let isInText): out += written(path.reduce(document) { $0[$1] ?? .null }, isInText)
            }
            guard out.utf8.count <= most else { return nil }
        }
        return out
    }
}

extension OutboundResult {
    /// Of what would be longer than is sent once a template is filled.
    static func tooLong(_ name: String) -> OutboundResult {
        OutboundResult(
            failure: OutboundFailure(.notSent, "\"\(name)\" is longer than is sent once its marks are filled"))
    }
}
