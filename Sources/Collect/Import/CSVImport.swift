import Model

/// Rows of a CSV file as items. A cell that is empty and not quoted is no value; a quoted empty one is the text `""`. A
/// text that matches JSON's number grammar becomes a number, its digits kept.
struct CSVImport {
    private let mapping: ImportMapping
    private var builder: ImportItemBuilder
    private var csv = CSVReader()
    private var plan: CSVPlan?

    init(mapping: ImportMapping, builder: ImportItemBuilder) {
        self.mapping = mapping
        self.builder = builder
    }

    mutating func read(_ chunk: [UInt8], isLast: Bool, into rows: inout [ImportRow]) throws(CollectError) {
        csv.append(chunk)
        while true {
            switch csv.next(isLast: isLast) {
            case .row:
                if let plan { rows.append(row(plan)) } else { try readHeader() }
            case .fault(let reason):
                guard plan != nil else { throw CollectError(.malformed, "the header cannot be read: \(reason)") }
                rows.append(reject(reason))
            case .end:
                if isLast, plan == nil {
                    throw CollectError(.malformed, "the file is empty: a CSV file needs a header")
                }
                return
            }
        }
    }

    private mutating func readHeader() throws(CollectError) {
        guard JSONScanner.isUTF8(csv.buffer.span.extracting(csv.raw)) else {
            throw CollectError(.malformed, "the header is not UTF-8: convert the file first")
        }
        plan = try CSVPlan(mapping, header: csv.fields)
        csv.width = csv.cells.count
    }

    private mutating func row(_ plan: CSVPlan) -> ImportRow {
        do throws(Refusal) {
            guard csv.raw.count <= CollectLimits.itemBytes else {
                throw Refusal("the row has \(csv.raw.count) bytes: at most \(CollectLimits.itemBytes) are taken")
            }
            // The raw bytes, with what parts the cells: two cells that are not UTF-8 can be so when joined.
            guard JSONScanner.isUTF8(csv.buffer.span.extracting(csv.raw)) else {
                throw Refusal("the row is not UTF-8: convert the file, or mend this row")
            }
            let row = try mapped(plan)
            return ImportRow(line: csv.line, item: try builder.item(row), rejection: nil)
        } catch {
            return reject(error.reason)
        }
    }

    private func reject(_ reason: String) -> ImportRow {
        builder.reject(reason, raw: csv.buffer.span.extracting(csv.raw), line: csv.line)
    }

    private func mapped(_ plan: CSVPlan) throws(Refusal) -> MappedRow {
        var row = MappedRow()
        row.identity = value(plan.identity)
        row.timestamp = value(plan.timestamp)
        row.needsTimestamp = plan.timestamp.cell != nil
        row.event = value(plan.event)
        row.id = value(plan.id)
        row.type = value(plan.type)
        row.other = value(plan.other)
        row.properties = try properties(plan)
        return row
    }

    private func value(_ source: CSVPlan.Source) -> [UInt8]? {
        switch source {
        case .none: return nil
        case .constant(let text): return text
        case .cell(let place):
            let cell = csv.cells[place]
            return cell.range.isEmpty && !cell.isQuoted ? nil : Array(csv.text[cell.range])
        }
    }

    private func properties(_ plan: CSVPlan) throws(Refusal) -> [UInt8] {
        let text = csv.text.span
        var out: [UInt8] = [0x7b]
        if let object = plan.object, !csv.cells[object].range.isEmpty {
            try ItemFields.object(text.extracting(csv.cells[object].range), into: &out)
            out.removeLast()
        }
        for (place, key) in plan.properties {
            let cell = csv.cells[place]
            if cell.range.isEmpty, !cell.isQuoted { continue }
            if out.count > 1 { out.append(0x2c) }
            out.append(contentsOf: key)
            ValueText.append(text.extracting(cell.range), to: &out)
        }
        out.append(0x7d)
        return out
    }
}

extension ItemFields {
    /// Reads a text that is an object of properties and nothing else.
    static func object(_ text: Span<UInt8>, into out: inout [UInt8]) throws(Refusal) {
        var fault: String?
        do throws(JSONError) {
            var at = 0
            JSONScanner.skipWhitespace(text, &at)
            let token = try scanProperties(text, &at, depth: NativeItemReader.depth + 1, &fault)
            JSONScanner.skipWhitespace(text, &at)
            guard at == text.count, token.isObject(text) else { throw JSONError("an object should be here", at: 0) }
            out.removeAll(keepingCapacity: true)
            JSONText.appendCompact(text.extracting(token.range), to: &out)
        } catch {
            throw Refusal("the column of properties is no JSON object: \(error.reason) at byte \(error.offset)")
        }
        if let fault { throw Refusal(fault) }
    }
}
