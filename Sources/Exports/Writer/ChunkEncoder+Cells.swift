internal import DuckDB

/// The rows of a CSV whose cells are not as usual: another delimiter, a decimal comma, times of a zone, guarded formulas.
extension ChunkEncoder {
    mutating func writeCells(
        _ rows: Range<Int>, _ steps: UnsafeBufferPointer<Step>, _ raw: [RawColumn], _ lent: Lent, _ out: inout Output,
        _ ends: UnsafeMutablePointer<Int>?
    ) {
        guard var style else { return }
        for row in rows {
            if let pickedFrom { pick(raw[pickedFrom], row) }
            for i in 0..<steps.count {
                out.reserve(33)
                if i > 0 { out.put(style.delimiter) }
                let step = unsafe steps[i]
                if case .picked(let property) = step.kind {
                    let range = picker.found[property]
                    if range.isEmpty {
                        Self.missing(lent, &out)
                    } else if let text = unsafe step.column.text(row) {
                        unsafe out.put(token: text.start + range.lowerBound, range.count, style)
                    }
                } else {
                    Self.cell(step, row, row &- rows.lowerBound, lent, &style, &numbers, &out)
                }
            }
            out.append(Self.csvLineEnd)
            if let ends = unsafe ends { unsafe ends[row &- rows.lowerBound] = out.count }
        }
        // What the zone found last is near what it will be asked next.
        self.style = style
    }

    /// Writes one cell; 32 bytes are reserved.
    private static func cell(
        _ step: Step, _ row: Int, _ place: Int, _ lent: Lent, _ style: inout CellStyle,
        _ numbers: inout NumberWriter, _ out: inout Output
    ) {
        let column = step.column
        if column.isNull(row) { return missing(lent, &out) }
        switch step.kind {
        case .time:
            guard let offset = style.zone?.offset(at: column.int64(row)) else {
                return numbers.put(time: column.int64(row), &out)
            }
            numbers.put(time: column.int64(row), offset: offset, &out)
        case .double:
            let value = column.double(row)
            guard value.isFinite else { return missing(lent, &out) }
            let text = Array(value.description.utf8)
            unsafe text.withUnsafeBufferPointer { bytes in
                // Lent for the call.
                if let start = bytes.baseAddress { unsafe out.put(number: start, bytes.count, style) }
            }
        case .text:
            guard let text = unsafe column.text(row) else { return missing(lent, &out) }
            unsafe out.put(cell: text.start, text.count, style)
        case .object:
            guard let text = unsafe column.text(row) else { return missing(lent, &out) }
            unsafe out.put(csv: text.start, text.count, delimiter: style.delimiter)
        case .token:
            guard let text = unsafe column.text(row) else { return missing(lent, &out) }
            unsafe out.put(token: text.start, text.count, style)
        case .list: out.put(list: lent.chunk.column(step.source), row, isCSV: true, delimiter: style.delimiter)
        // Whole numbers, truths and ids have nothing that a style would change; identities are laid out in it.
        default: field(step, row, place, lent, &numbers, &out)
        }
    }
}
