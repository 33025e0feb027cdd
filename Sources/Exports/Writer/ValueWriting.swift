internal import DuckDB
internal import Glibc
internal import Model

/// Values that are made of more than one piece of text.
extension Output {
    /// A JSON value: a string's text in CSV, otherwise the value as written.
    mutating func put(token start: UnsafePointer<UInt8>, _ count: Int, isCSV: Bool) {
        guard isCSV else {
            reserve(count)
            return unsafe put(start, count)
        }
        guard count >= 2, unsafe start[0] == 0x22 else { return unsafe put(csv: start, count) }
        let (inside, length) = unsafe (start + 1, count - 2)
        guard length > 0, unsafe memchr(inside, 0x5c, length) != nil else { return unsafe put(csv: inside, length) }
        var text: [UInt8] = []
        let written = unsafe Array(UnsafeBufferPointer(start: inside, count: length))
        JSONText.appendUnescaped(written.span, escaped: true, to: &text)
        unsafe text.withUnsafeBufferPointer { bytes in
            // Lent for the call.
            if let start = bytes.baseAddress { unsafe put(csv: start, bytes.count) }
        }
    }

    /// A list of texts as a JSON array; in CSV the array's text.
    mutating func put(list column: borrowing ColumnView, _ row: Int, isCSV: Bool, delimiter: UInt8 = 0x2c) {
        let elements = column.elements
        var json = Output(capacity: 256)
        json.put(0x5b)
        for (i, element) in column.range(row).enumerated() {
            json.reserve(2)
            if i > 0 { json.put(0x2c) }
            unsafe elements.text(element).withUnsafeBufferPointer { bytes in
                // Lent for the call; an empty text may have no address.
                if let start = bytes.baseAddress {
                    unsafe json.put(jsonString: start, bytes.count)
                } else {
                    json.append([0x22, 0x22])
                }
            }
        }
        json.append([0x5d])
        let bytes = unsafe json.bytes.bindMemory(to: UInt8.self)
        guard let start = bytes.baseAddress else { return }
        if isCSV {
            unsafe put(csv: start, bytes.count, delimiter: delimiter)
        } else {
            reserve(bytes.count)
            unsafe put(start, bytes.count)
        }
    }
}
