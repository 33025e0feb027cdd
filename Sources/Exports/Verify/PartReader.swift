internal import Age

/// Reads a part's file: its bytes as they lie there, and what is in it.
struct PartReader {
    let path: String
    /// Who opens it; nobody if it is not to be opened, and then its bytes are what is in it.
    let identities: [AgeIdentity]

    /// Calls both with one piece after another. What is encrypted comes only as far as it is proved.
    func read(
        raw: (UnsafeRawBufferPointer) throws(ExportError) -> Void,
        content: (UnsafeRawBufferPointer) throws(ExportError) -> Void
    ) throws(ExportError) {
        guard !identities.isEmpty else {
            return unsafe try FileSystem.read(path) { (bytes) throws(ExportError) in
                unsafe try raw(bytes)
                unsafe try content(bytes)
            }
        }
        let decryptor = AgeDecryptor(identities)
        var plain: [UInt8] = []
        unsafe try FileSystem.read(path) { (bytes) throws(ExportError) in
            unsafe try raw(bytes)
            // Lent for the call.
            let span = unsafe Span<UInt8>(_unsafeElements: bytes.bindMemory(to: UInt8.self))
            do throws(AgeError) { try decryptor.write(span, to: &plain) } catch { throw self.error(error) }
            unsafe try hand(&plain, content)
        }
        do { try decryptor.finish(to: &plain) } catch { throw self.error(error) }
        unsafe try hand(&plain, content)
    }

    private func hand(
        _ plain: inout [UInt8], _ content: (UnsafeRawBufferPointer) throws(ExportError) -> Void
    ) throws(ExportError) {
        // Lent for the call.
        let handed = unsafe plain.withUnsafeBytes { bytes -> Result<Void, ExportError> in
            Result { () throws(ExportError) in unsafe try content(bytes) }
        }
        try handed.get()
        plain.removeAll(keepingCapacity: true)
    }

    private func error(_ error: AgeError) -> ExportError { ExportError(.mismatch, "\(path): \(error.message)") }
}
