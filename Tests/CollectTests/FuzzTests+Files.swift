import Journal
import Model
import Testing

@testable import Collect

/// Files that are imported.
extension FuzzTests {
    /// What is wrong with a file's rows; nil if nothing is. Cut in two ways, they must be the same.
    private func fileFault(
        _ format: ImportReader.Format, _ input: [UInt8], _ mapping: ImportMapping?
    ) -> String? {
        let whole = rows(format, input, mapping, chunk: 1 << 20)
        guard whole == rows(format, input, mapping, chunk: 7) else { return "the rows depend on how the file is cut" }
        guard let whole else { return nil }
        for (row, next) in zip(whole, whole.dropFirst()) where row.line >= next.line { return "lines are not in order" }
        for row in whole {
            if row.rejection?.isEmpty == true { return "a refusal has no reason" }
            if (row.rejection != nil) != (row.item.kind == .reject) { return "row and item differ" }
            if let wrong = fault([row.item] + row.parts + row.more) { return wrong }
            if row.item.partIDs != row.parts.map(\.dedupID) { return "an item and its parts differ" }
        }
        // By design two lines of KISSmetrics that say the same are one.
        if format == .kissmetrics { return nil }
        let kept = whole.filter { $0.rejection == nil && text($0.item.id).hasPrefix("imp_") }
        return Set(kept.map(\.item.id)).count == kept.count ? nil : "two rows have the same id"
    }

    private func rows(
        _ format: ImportReader.Format, _ input: [UInt8], _ mapping: ImportMapping?, chunk: Int
    ) -> [ImportRow]? {
        var reader = ImportReader(format: format, mapping: mapping, receivedAt: receivedAt, ids: ids, batchRows: 2)
        do throws(CollectError) {
            var found: [ImportRow] = []
            for start in stride(from: 0, to: input.count, by: chunk) {
                for batch in try reader.read(Array(input[start..<min(start + chunk, input.count)])) {
                    found += batch.rows
                }
            }
            for batch in try reader.finish() { found += batch.rows }
            return found
        } catch {
            #expect(!error.message.isEmpty)
            return nil
        }
    }

    @Test func csvFiles() async throws {
        let mapping = try ImportMapping(parsing: "identity=user,timestamp=at,event=what")
        await run(5) { g in
            var file = "user,at,what,plan,\"a \"\"b\"\"\"\n"
            for _ in 0..<g.below(5) {
                let cells = (0..<g.pick([5, 5, 5, 4])).map { place in
                    let cell = place == 1 ? g.pick(["5", "2024-01-02 03:04:05", "2024-01-02", "x"]) : g.text()
                    return g.once(in: 2) ? cell : "\"" + cell.split(separator: "\"").joined(separator: "\"\"") + "\""
                }
                file += cells.joined(separator: ",") + g.pick(["\n", "\r\n"])
            }
            return Array(file.utf8)
        } check: { input in
            fileFault(.csv, input, mapping)
        }
    }

    @Test func ndjsonFiles() async throws {
        let mapping = try ImportMapping(parsing: "identity=identity,timestamp=timestamp,event=event")
        await run(6) { g in
            Array((0..<g.below(5)).map { _ in Self.nativeItem(&g) }.joined(separator: g.pick(["\n", "\r\n"])).utf8)
        } check: { input in
            fileFault(.ndjson, input, nil) ?? fileFault(.ndjson, input, mapping)
        }
    }

    private static func exportLine(_ g: inout FuzzGenerator) -> String {
        let octal = [#""\302\243""#, #""\303""#, #""a\\302\"\377""#, #""\8""#]
        return g.members([
            ("_p", []), ("_n", []), ("_p2", []), ("_t", ["1351187280", "\"5\"", "1.5", "null", "1397577453000"]),
            ("_server_timestamp", ["1397577456", "\"x\""]), ("_c", ["\"mobile_app\""]), ("_nth", ["\"2\"", "2", "0"]),
            ("Plan:Name", octal), ("plan name", []), ("na\\303\\257ve", octal + ["[1, 2]", "{}"]),
        ])
    }

    @Test func kissmetricsFiles() async {
        await run(7) { g in
            Array((0..<g.below(5)).map { _ in Self.exportLine(&g) }.joined(separator: g.pick(["\n", "\r\n"])).utf8)
        } check: { input in
            fileFault(.kissmetrics, input, nil)
        }
    }

    /// Mending changes nothing that is JSON already, and leaves nothing in a string that is to be mended.
    @Test func octalEscapes() async {
        await run(9) { g in
            Array(g.once(in: 2) ? Self.exportLine(&g).utf8 : g.object().utf8)
        } check: { input in
            var out: [UInt8] = []
            let isMended = OctalEscapes.mend(input.span, into: &out)
            if !isMended { return out.isEmpty ? nil : "something was written of a line that is right" }
            var again: [UInt8] = []
            if OctalEscapes.mend(out.span, into: &again) { return "it was mended twice: \(text(out).debugDescription)" }
            var at = 0
            let isJSON = (try? JSONScanner.value(input.span, &at)) != nil && at == input.count
            return isJSON ? "a line that is JSON was changed" : nil
        }
    }

    @Test func segmentFiles() async {
        await run(8) { g in
            Array((0..<g.below(5)).map { _ in Self.message(&g) }.joined(separator: g.pick(["\n", "\r\n"])).utf8)
        } check: { input in
            fileFault(.segment, input, nil)
        }
    }
}
