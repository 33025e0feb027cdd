internal import Glibc

/// Takes out of a CSV what PostgreSQL has no place for: bytes that are zero, and `\u0000` within JSON. Both are as good as never
/// there, so pieces without them pass as they are.
struct ZeroCleaner {
    /// The end of the last piece, where `\u0000` may have begun.
    private var held: [UInt8] = []
    private static let escape = Array(#"\u0000"#.utf8)

    /// The piece without them, and what was held back before it; nil if it may be sent as it is.
    mutating func cleaned(_ piece: UnsafeRawBufferPointer) -> [UInt8]? {
        // The piece is lent for the call, and looked at within its length.
        let hasZero = unsafe piece.baseAddress.map { unsafe memchr($0, 0, piece.count) != nil } ?? false
        let hasEscape = unsafe Self.hasEscape(piece)
        let ends = unsafe piece.last == 0x5c || endsWithin(piece)
        guard hasZero || hasEscape || ends || !held.isEmpty else { return nil }
        var bytes = held
        unsafe bytes.append(contentsOf: piece)
        held = []
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            if byte == 0 {
                at += 1
            } else if byte == 0x5c {
                // A run of backslashes: only an odd one begins an escape.
                guard bytes.count - at >= 6 else {
                    held = Array(bytes[at...])
                    return out
                }
                if bytes[at + 1] == 0x5c {
                    out.append(contentsOf: [0x5c, 0x5c])
                    at += 2
                } else if bytes[at..<(at + 6)].elementsEqual(Self.escape) {
                    at += 6
                } else {
                    out.append(byte)
                    at += 1
                }
            } else {
                out.append(byte)
                at += 1
            }
        }
        return out
    }

    /// What was held back at the end.
    mutating func rest() -> [UInt8] {
        defer { held = [] }
        return held
    }

    /// Whether `\u0000` is somewhere in the piece. Backslashes are rare, so they are looked for first.
    private static func hasEscape(_ piece: UnsafeRawBufferPointer) -> Bool {
        guard let base = piece.baseAddress else { return false }
        var at = 0
        // Only within the piece.
        while at < piece.count, let found = unsafe memchr(base + at, 0x5c, piece.count - at) {
            let place = unsafe UnsafeRawPointer(found) - base
            if place + escape.count <= piece.count, unsafe memcmp(base + place, escape, escape.count) == 0 {
                return true
            }
            at = place + 1
        }
        return false
    }

    private func endsWithin(_ piece: UnsafeRawBufferPointer) -> Bool {
        unsafe piece.suffix(6).contains(0x5c)
    }
}
