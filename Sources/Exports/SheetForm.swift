internal import Model

/// How a CSV file is written for the program that will open it. Where nothing is said it is as RFC 4180 has it: commas, and
/// the text as it is.
public struct SheetForm: Sendable, Equatable {
    /// The sign before the decimals of a number.
    public enum DecimalSign: String, Sendable, CaseIterable {
        case point = "."
        case comma = ","
    }

    /// Whether each file begins with the byte order mark, by which spreadsheets know that it is UTF-8.
    public var hasByteOrderMark = false
    /// What parts the cells; nil for the usual comma.
    public var delimiter: Delimiter?
    /// What stands before the decimals; nil for the usual point.
    public var decimal: DecimalSign?
    /// Whether a text that a spreadsheet would take for a formula gets an apostrophe before it.
    public var guardsFormulas = false

    public init() {}

    static let fields = ["bom", "delimiter", "decimal", "formula_guard"]

    /// The fields that ask for something, by their names.
    var asked: [String] {
        let given = [hasByteOrderMark, delimiter != nil, decimal != nil, guardsFormulas]
        return zip(Self.fields, given).filter(\.1).map(\.0)
    }

    /// The same without what is usual anyway.
    var normal: SheetForm {
        var form = self
        if delimiter == .comma { form.delimiter = nil }
        if decimal == .point { form.decimal = nil }
        return form
    }

    /// The fields of a specification that say so.
    var members: [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        if hasByteOrderMark { members.append(.init("bom", true)) }
        if let delimiter { members.append(.init("delimiter", .string(delimiter.text))) }
        if let decimal { members.append(.init("decimal", .string(decimal.rawValue))) }
        if guardsFormulas { members.append(.init("formula_guard", true)) }
        return members
    }

    init(json: JSONValue) throws(ExportError) {
        hasByteOrderMark = try Self.truth(json, "bom")
        guardsFormulas = try Self.truth(json, "formula_guard")
        if let value = json.given("delimiter") {
            guard let found = value.stringValue.flatMap(Delimiter.init) else {
                throw ExportSpec.error("\"delimiter\" is \(Delimiter.rule)")
            }
            delimiter = found
        }
        if let value = json.given("decimal") {
            guard let found = value.stringValue.flatMap(DecimalSign.init) else {
                throw ExportSpec.error("\"decimal\" is \".\" or \",\"")
            }
            decimal = found
        }
    }

    private static func truth(_ json: JSONValue, _ field: String) throws(ExportError) -> Bool {
        guard let value = json.given(field) else { return false }
        guard let truth = value.boolValue else { throw ExportSpec.error("\"\(field)\" is true or false") }
        return truth
    }
}

/// The sign that parts the cells of a row.
public struct Delimiter: Sendable, Equatable {
    public static let comma = Delimiter(byte: 0x2c)

    /// What may be one, in words.
    static let rule =
        "one character of , ; | ! # $ % & * / < = > ? @ \\ ^ ` ~ ( ) [ ] { } or \"tab\": not a quote, line end, letter or digit, "
        + "nor one of + - . : _ ', of which times, numbers and ids are made"

    let byte: UInt8

    private init(byte: UInt8) { self.byte = byte }

    /// Reads one: the character itself, or `tab`. Nil for one that cannot part cells: values that are written without
    /// quotes must not have it.
    init?(_ text: String) {
        if ["tab", "\t", "\\t"].contains(text) {
            byte = 0x09
            return
        }
        let bytes = Array(text.utf8)
        guard bytes.count == 1, (0x21...0x7e).contains(bytes[0]) else { return nil }
        switch bytes[0] {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: return nil
        // " ' + - . : _
        case 0x22, 0x27, 0x2b, 0x2d, 0x2e, 0x3a, 0x5f: return nil
        default: byte = bytes[0]
        }
    }

    /// As a specification writes it.
    var text: String { byte == 0x09 ? "tab" : String(UnicodeScalar(byte)) }
}
