/// Opens a stream of bytes that is a file of age's format v1. Only bytes that are proved to be those that were written
/// come out, and only `finish` proves that none is missing at the end. Holds one chunk at most, and the header.
public final class AgeDecryptor {
    private enum Place {
        case header(HeaderReader)
        case nonce(FileKey, [UInt8])
        case payload(Chunks)
        case failed(AgeError)
    }

    private let identities: [AgeIdentity]
    private var place = Place.header(HeaderReader())
    /// The chunk that is coming; a full one is opened when more comes, or nothing.
    private var held: [UInt8] = []

    public init(_ identities: [AgeIdentity]) { self.identities = identities }

    /// Takes bytes, and appends to `out` what they hold as far as it is proved.
    ///
    /// - Throws: why the file cannot be opened; from then on always.
    public func write(_ bytes: Span<UInt8>, to out: inout [UInt8]) throws(AgeError) {
        do throws(AgeError) { try take(bytes, &out) } catch { throw fail(error) }
    }

    /// Says that nothing follows, and appends the last chunk.
    public func finish(to out: inout [UInt8]) throws(AgeError) {
        do throws(AgeError) { try end(&out) } catch { throw fail(error) }
    }

    private func fail(_ error: AgeError) -> AgeError {
        place = .failed(error)
        held = []
        return error
    }

    private func take(_ bytes: Span<UInt8>, _ out: inout [UInt8]) throws(AgeError) {
        var at = 0
        while at < bytes.count {
            switch place {
            case .header(var reader):
                // The place lets go of the reader, or every byte would copy it.
                place = .header(HeaderReader())
                var isOver = false
                while at < bytes.count, !isOver {
                    isOver = try reader.take(bytes[at])
                    at += 1
                }
                place = isOver ? .nonce(try key(reader), []) : .header(reader)
            case .nonce(let key, var nonce):
                while at < bytes.count, nonce.count < Chunks.nonceLength {
                    nonce.append(bytes[at])
                    at += 1
                }
                place =
                    nonce.count < Chunks.nonceLength
                    ? .nonce(key, nonce) : .payload(Chunks(key: key.payloadKey(nonce: nonce)))
            case .payload(var chunks):
                if held.count == Chunks.sealedLength {
                    try open(&chunks, &out)
                    place = .payload(chunks)
                }
                let end = min(bytes.count, at + Chunks.sealedLength - held.count)
                let piece = bytes.extracting(at..<end)
                // `append` copies before the span can go.
                unsafe piece.withUnsafeBufferPointer { unsafe held.append(contentsOf: $0) }
                at = end
            case .failed(let error): throw error
            }
        }
    }

    /// The file's key, by the first identity that a stanza is for.
    private func key(_ header: HeaderReader) throws(AgeError) -> FileKey {
        // A passphrase beside other ways would let whoever knows it pass for a sender that the others trust.
        guard header.stanzas.count == 1 || !header.stanzas.contains(where: { $0.arguments.first == "scrypt" }) else {
            throw AgeError(.header, "the header is damaged: a passphrase must be the only way to open a file")
        }
        for identity in identities {
            for stanza in header.stanzas {
                guard let key = try X25519.unwrap(stanza, with: identity) else { continue }
                guard key.vouches(header.mac, for: header.signed) else {
                    throw AgeError(.tampered, "the header was changed: its code does not match")
                }
                return key
            }
        }
        throw AgeError(.wrongKey, "the file is encrypted for others: none of the identities given opens it")
    }

    /// Opens a full chunk that something follows.
    private func open(_ chunks: inout Chunks, _ out: inout [UInt8]) throws(AgeError) {
        guard chunks.open(held, isLast: false, to: &out) else {
            var unwanted: [UInt8] = []
            if chunks.open(held, isLast: true, to: &unwanted) {
                throw AgeError(.trailing, "something follows the last chunk (\(chunks.done)); the file was added to")
            }
            throw AgeError(.tampered, "chunk \(chunks.done + 1) was changed: its code does not match")
        }
        held.removeAll(keepingCapacity: true)
    }

    private func end(_ out: inout [UInt8]) throws(AgeError) {
        var chunks: Chunks
        switch place {
        case .header: throw AgeError(.truncated, "the file ends inside its header")
        case .nonce: throw AgeError(.truncated, "the file ends before its first chunk")
        case .payload(let found): chunks = found
        case .failed(let error): throw error
        }
        let number = chunks.done + 1
        guard held.count >= Chunks.tagLength else {
            throw AgeError(.truncated, "the file ends inside chunk \(number)")
        }
        guard held.count > Chunks.tagLength || number == 1 else {
            throw AgeError(.tampered, "the last chunk (\(number)) is empty; no program writes such a file")
        }
        guard chunks.open(held, isLast: true, to: &out) else {
            var unwanted: [UInt8] = []
            if held.count == Chunks.sealedLength, chunks.open(held, isLast: false, to: &unwanted) {
                throw AgeError(.truncated, "the file ends after chunk \(number), which is not its last")
            }
            throw AgeError(.tampered, "the last chunk (\(number)) was changed or cut off: its code does not match")
        }
        place = .failed(AgeError(.trailing, "the file has ended"))
        held = []
    }
}
