import Collect
import Testing

@Suite("CSV as RFC 4180 says, and as files are")
struct CSVReaderTests {
    /// A file and its rows: `line: cell|cell`, or `line! reason`.
    @Test(arguments: [
        ("a,b\n1,2\n", ["1: a|b", "2: 1|2"]), ("a,b\r\n1,2", ["1: a|b", "2: 1|2"]), ("\u{feff}a,b\n", ["1: a|b"]),
        ("a,b\n\"x,\"\"y\"\"\",\"l1\nl2\r\nl3\"\n3,4\n", ["1: a|b", "2: x,\"y\"|l1\nl2\r\nl3", "5: 3|4"]),
        ("a,b\n\n\r\n1,\n,\n", ["1: a|b", "4: 1|", "5: |"]), ("a\n\"\"\n", ["1: a", "2: "]),
        ("a,b\n5\" pipe,x\"y\"\n", ["1: a|b", "2: 5\" pipe|x\"y\""]),
        ("a,b\n1\n1,2,3\n1,2\n", ["1: a|b", "2! cells", "3! cells", "4: 1|2"]),
        ("a,b\n\"x\"y,2\n3,4\n", ["1: a|b", "2! follows a closing quote", "3: 3|4"]),
        ("a,b\n\"lost,2\n3,4\n5,6", ["1: a|b", "2! opened and not closed", "3: 3|4", "4: 5|6"]),
        ("a,b\n\"lost,2\n3,4\n\"x\",6\n7,8\n", ["1: a|b", "2! follows a closing quote", "3: 3|4", "4: x|6", "5: 7|8"]),
        ("a,b\n1,\"lost\n3,4\n5,\"\"\n7,8\n", ["1: a|b", "2! opened", "3: 3|4", "4: 5|", "5: 7|8"]),
        ("a,b\n\"x\ny\"\n3,4\n", ["1: a|b", "2! cells", "3! cells", "4: 3|4"]),
        ("a,b\r\n\"1\",\"2\"\r\n", ["1: a|b", "2: 1|2"]), ("a,b\n1\r2,3\n", ["1: a|b", "2: 1\r2|3"]),
        ("a,b\n\"1\"\r,3\n4,5\n", ["1: a|b", "2! follows a closing quote", "3: 4|5"]), ("", []), ("\n\n", []),
        ("a,b\n1,2\r", ["1: a|b", "2: 1|2"]), ("a,b\n1,\"2\"", ["1: a|b", "2: 1|2"]),
    ])
    func rows(_ file: String, _ expected: [String]) {
        let bytes = Array(file.utf8)
        for size in [1, 2, 3, 7, 1_000] {
            let found = read(bytes, chunk: size)
            #expect(found.count == expected.count, "chunks of \(size): \(found)")
            for (row, wanted) in zip(found, expected) {
                if let mark = wanted.firstIndex(of: "!") {
                    #expect(row.hasPrefix(wanted[...mark]) && row.contains(wanted[mark...].dropFirst(2)), "\(row)")
                } else {
                    #expect(row == wanted, "chunks of \(size)")
                }
            }
        }
    }

    @Test func aLostQuoteInALargeFileCostsItsRowOnly() {
        var file = "a,b\n\"lost,1\n"
        for i in 0..<200_000 { file += "\(i),some text\n" }
        let found = read(Array(file.utf8), chunk: 65_536)
        #expect(found.count == 200_002)
        #expect(found[1].hasPrefix("2!"))
        #expect(found.last == "200002: 199999|some text")
    }

    private func read(_ bytes: [UInt8], chunk: Int) -> [String] {
        var reader = CSVReader()
        var found: [String] = []
        func drain(_ isLast: Bool) {
            while true {
                switch reader.next(isLast: isLast) {
                case .row:
                    if reader.width == nil { reader.width = reader.fields.count }
                    found.append("\(reader.line): " + reader.fields.joined(separator: "|"))
                case .fault(let reason): found.append("\(reader.line)! \(reason)")
                case .end: return
                }
            }
        }
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            reader.append(Array(bytes[start..<min(start + chunk, bytes.count)]))
            drain(false)
        }
        drain(true)
        return found
    }
}
