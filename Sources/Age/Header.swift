/// One way to a file's key, for one recipient.
struct Stanza: Sendable, Equatable {
    /// The kind of stanza, and what else its first line says.
    var arguments: [String]
    var body: [UInt8]
}

/// What a file begins with: its key, wrapped for each recipient, and a code that vouches for all of it.
enum Header {
    static let version = "age-encryption.org/v1"
    static let macLength = 32
    /// How many characters of Base64 a line of a stanza has; a shorter one is its last.
    static let column = 64

    /// The bytes of a header.
    static func bytes(_ stanzas: [Stanza], key: FileKey) -> [UInt8] {
        var out = signed(stanzas)
        let mac = key.mac(out)
        out.append(UInt8(ascii: " "))
        out += Base64.encode(mac)
        out.append(0x0a)
        return out
    }

    /// The part that the code vouches for: up to and with its three dashes.
    static func signed(_ stanzas: [Stanza]) -> [UInt8] {
        var out = Array("\(version)\n".utf8)
        for stanza in stanzas {
            out += Array("-> \(stanza.arguments.joined(separator: " "))\n".utf8)
            let body = Base64.encode(stanza.body)
            var at = 0
            while body.count - at >= column {
                out += body[at..<(at + column)]
                out.append(0x0a)
                at += column
            }
            out += body[at...]
            out.append(0x0a)
        }
        out += Array("---".utf8)
        return out
    }
}

/// A header as it comes, line by line.
struct HeaderReader {
    private enum Place: Equatable {
        case version, firstStanza, stanzaOrEnd, body
    }

    /// Thousands of recipients fit; what is longer is no header.
    private static let most = 1 << 20

    private var place = Place.version
    private var line: [UInt8] = []
    private(set) var stanzas: [Stanza] = []
    /// The bytes that the code vouches for.
    private(set) var signed: [UInt8] = []
    private(set) var mac: [UInt8] = []

    /// Takes a byte; true if it was the header's last.
    mutating func take(_ byte: UInt8) throws(AgeError) -> Bool {
        guard byte == 0x0a else {
            line.append(byte)
            if place == .version, line.count > Header.version.utf8.count { throw notOurs }
            guard signed.count + line.count <= Self.most else { throw error("it is longer than \(Self.most) bytes") }
            return false
        }
        let isOver = try end()
        if !isOver {
            signed += line
            signed.append(0x0a)
        }
        line.removeAll(keepingCapacity: true)
        return isOver
    }

    /// Reads a line; true if it was the last.
    private mutating func end() throws(AgeError) -> Bool {
        switch place {
        case .version:
            guard line == Array(Header.version.utf8) else { throw notOurs }
            place = .firstStanza
        case .firstStanza:
            try stanza()
        case .stanzaOrEnd:
            guard line.starts(with: Array("---".utf8)) else { return try stanza() }
            guard line.starts(with: Array("--- ".utf8)), let mac = Base64.decode(line.dropFirst(4)),
                mac.count == Header.macLength
            else { throw error("its last line is not as it should be") }
            self.mac = mac
            signed += Array("---".utf8)
            return true
        case .body:
            guard line.count <= Header.column, let bytes = Base64.decode(line) else {
                throw error("a stanza's body is not as it should be")
            }
            stanzas[stanzas.count - 1].body += bytes
            if line.count < Header.column { place = .stanzaOrEnd }
        }
        return false
    }

    @discardableResult
    private mutating func stanza() throws(AgeError) -> Bool {
        guard line.starts(with: Array("-> ".utf8)) else { throw error("a line begins neither a stanza nor its end") }
        let words = line.dropFirst(3).split(separator: 0x20, omittingEmptySubsequences: false)
        guard words.allSatisfy({ word in !word.isEmpty && word.allSatisfy { (33...126).contains($0) } }) else {
            throw error("a stanza's first line is not as it should be")
        }
        stanzas.append(Stanza(arguments: words.map { String(decoding: $0, as: UTF8.self) }, body: []))
        place = .body
        return false
    }

    private func error(_ reason: String) -> AgeError { AgeError(.header, "the header is damaged: \(reason)") }

    private var notOurs: AgeError {
        if line.starts(with: Array("age-encryption.org/".utf8)) {
            return AgeError(.header, "the file is of another version of age's format than v1")
        }
        if line.starts(with: Array("-----BEGIN AGE".utf8)) {
            return AgeError(.header, "the file is armored (text); only binary files are read")
        }
        return AgeError(.header, "this is no file of age's")
    }
}
