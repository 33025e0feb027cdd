internal import Codecs

/// Counts the records of a CSV or NDJSON file as its bytes come.
struct RecordCounter {
    private let isCSV: Bool
    private let path: String
    private let decompressor: Decompressor
    private var unpacked: [UInt8] = []
    private var lines: Int64 = 0
    private var isQuoted = false

    init(_ format: ExportFormat, _ compression: Compression, _ path: String) throws(ExportError) {
        isCSV = format == .csv
        self.path = path
        do { decompressor = try Decompressor(compression) } catch { throw ExportError(.files, error.message) }
    }

    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(ExportError) {
        unpacked.removeAll(keepingCapacity: true)
        // Lent for the call.
        let span = unsafe Span<UInt8>(_unsafeElements: bytes.bindMemory(to: UInt8.self))
        do { try decompressor.write(span, to: &unpacked) } catch {
            throw ExportError(.mismatch, "\(path): \(error.message)")
        }
        for byte in unpacked {
            if byte == 0x0a {
                if !isQuoted { lines += 1 }
            } else if byte == 0x22, isCSV {
                // A doubled quote turns twice.
                isQuoted.toggle()
            }
        }
    }

    /// The number of records, without a CSV's header.
    func finish() throws(ExportError) -> Int64 {
        do { try decompressor.finish() } catch { throw ExportError(.mismatch, "\(path): \(error.message)") }
        guard !isQuoted else { throw ExportError(.mismatch, "\(path): it ends inside a quoted field") }
        return isCSV ? lines - 1 : lines
    }
}
