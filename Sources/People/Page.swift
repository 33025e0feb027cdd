internal import Model

/// A value that writes itself as JSON, without whitespace.
public protocol JSONWritable: Sendable {
    /// Appends the value.
    func write(to out: inout [UInt8])
}

extension JSONWritable {
    /// The value as JSON.
    public var json: [UInt8] {
        var out: [UInt8] = []
        write(to: &out)
        return out
    }
}

/// A part of a list, and where it goes on.
public struct Page<Element: JSONWritable>: JSONWritable {
    public let elements: [Element]
    /// What to send for the next part; nil at the end.
    public let nextCursor: String?
    /// What to send for the part before; nil at the start, and for lists that are read one way only.
    public let previousCursor: String?

    public init(_ elements: [Element], nextCursor: String?, previousCursor: String? = nil) {
        self.elements = elements
        self.nextCursor = nextCursor
        self.previousCursor = previousCursor
    }

    /// `{"data":[…],"next_cursor":…}`, and `"prev_cursor"` where there is one.
    public func write(to out: inout [UInt8]) {
        out.append(utf8: "{\"data\":[")
        for (i, element) in elements.enumerated() {
            if i > 0 { out.append(0x2c) }
            element.write(to: &out)
        }
        out.append(utf8: "],\"next_cursor\":")
        out.append(json: nextCursor)
        if let previousCursor {
            out.append(utf8: ",\"prev_cursor\":")
            out.append(json: previousCursor)
        }
        out.append(0x7d)
    }
}

/// How many rows a list gives at once.
public enum PageLimit {
    public static let standard = 100
    public static let largest = 1_000

    static func check(_ limit: Int) throws(PeopleError) {
        guard (1...largest).contains(limit) else {
            throw PeopleError(.limit, "A limit is from 1 to \(largest), and this one is \(limit).")
        }
    }
}

extension [UInt8] {
    mutating func append(utf8 text: StaticString) {
        // The text lies in the program for good.
        unsafe append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// A text as a JSON string, or null.
    mutating func append(json text: String?) {
        if let text { JSONText.appendString(text, to: &self) } else { append(utf8: "null") }
    }

    /// A number, or null.
    mutating func append(json number: Int64?) {
        if let number { append(contentsOf: String(number).utf8) } else { append(utf8: "null") }
    }

    /// A moment as a JSON string, or null.
    mutating func append(json moment: Timestamp?) {
        guard let moment else { return append(utf8: "null") }
        append(0x22)
        moment.write(to: &self)
        append(0x22)
    }
}
