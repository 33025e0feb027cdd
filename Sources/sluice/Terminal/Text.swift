import Model

/// How numbers and tables look to a person.
enum Text {
    /// `12,345,678`
    static func count(_ number: Int64) -> String {
        let digits = String(number.magnitude)
        var out = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { out.append(",") }
            out.append(digit)
        }
        return (number < 0 ? "-" : "") + out
    }

    /// `1 row`, `2 rows`
    static func count(_ number: Int64, _ noun: String) -> String { "\(count(number)) \(noun)\(number == 1 ? "" : "s")" }

    /// `1.4 GB`, in powers of 1000.
    static func bytes(_ number: Int64) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var value = Double(number)
        var unit = 0
        while value >= 1000 && unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        guard unit > 0 else { return "\(number) B" }
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    /// `0.3 s`, `48 s`, `12 min`, `3.5 h`
    static func seconds(_ seconds: Double) -> String {
        func tenths(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
        if seconds < 9.95 { return tenths(seconds) + " s" }
        if seconds < 99.5 { return "\(Int(seconds.rounded())) s" }
        if seconds < 99.5 * 60 { return "\(Int((seconds / 60).rounded())) min" }
        return tenths(min(seconds, 1e12) / 3_600) + " h"
    }

    /// A text of somebody else's as it may be shown: control characters (C0, DEL, C1) become `\x1b` and the like, so that
    /// what was collected can neither steer the terminal nor look like lines of this program.
    static func visible(_ text: String) -> String {
        func isControl(_ value: UInt32) -> Bool { value < 0x20 || (0x7f...0x9f).contains(value) }
        guard text.unicodeScalars.contains(where: { isControl($0.value) }) else { return text }
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            guard isControl(scalar.value) else {
                out.append(scalar)
                continue
            }
            let digits = String(scalar.value, radix: 16)
            out.append(contentsOf: ("\\x" + (digits.count == 1 ? "0" : "") + digits).unicodeScalars)
        }
        return String(out)
    }

    /// Rows in columns that line up; the first row is the heading. Cells are shown as `visible` has them.
    static func table(_ rows: [[String]]) -> String {
        let rows = rows.map { $0.map(visible) }
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        return rows.map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                line += cell
                if index < row.count - 1 { line += String(repeating: " ", count: widths[index] - cell.count + 2) }
            }
            return line
        }.joined(separator: "\n")
    }

    /// A value of JSON as a person would write it: text without quotes, nothing for null.
    static func plain(_ value: JSONValue?) -> String {
        switch value {
        case nil, .null: ""
        case .string(let text): text
        case .some(let other): other.text
        }
    }

    /// The first value that an object has under one of the names, as plain text.
    static func named(_ object: JSONValue, _ names: String...) -> String {
        for name in names { if let value = object[name] { return plain(value) } }
        return ""
    }
}
