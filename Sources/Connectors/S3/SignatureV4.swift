internal import Crypto
internal import Model

/// Signs requests as AWS Signature Version 4 says and S3 wants it: the path is encoded once, and the SHA-256 of the body is a header that
/// is signed, so that what arrives is what was sent.
struct SignatureV4: Sendable {
    let accessKey: String
    let secretKey: String
    let sessionToken: String?
    let region: String

    private static let service = "s3"
    private static let algorithm = "AWS4-HMAC-SHA256"

    /// All headers of a request but `host`.
    ///
    /// - Parameters:
    ///   - path: the path, encoded.
    ///   - query: names and values, not encoded.
    ///   - headers: further headers, their names in lower case.
    ///   - payload: the SHA-256 of the body, in hexadecimal.
    ///   - seconds: the time of day since 1970.
    func headers(
        method: String, host: String, path: String, query: [(name: String, value: String)],
        headers: [(name: String, value: String)], payload: String, seconds: Int64
    ) -> [(name: String, value: String)] {
        let moment = Self.moment(seconds)
        let day = String(moment.prefix(8))
        var all = headers
        all.append(("x-amz-content-sha256", payload))
        all.append(("x-amz-date", moment))
        if let sessionToken { all.append(("x-amz-security-token", sessionToken)) }
        let signed = (all + [("host", host)]).sorted { $0.name < $1.name }
        let names = signed.map(\.name).joined(separator: ";")
        let canonical = [
            method, path, Self.query(query), signed.map { "\($0.name):\(Self.trimmed($0.value))\n" }.joined(), names,
            payload,
        ].joined(separator: "\n")
        let scope = "\(day)/\(region)/\(Self.service)/aws4_request"
        let text = [Self.algorithm, moment, scope, Hex.text(SHA256.hash(data: Array(canonical.utf8)))]
            .joined(separator: "\n")
        let signature = Hex.text(Self.code(text, key: key(day)))
        all.append(
            (
                "authorization",
                "\(Self.algorithm) Credential=\(accessKey)/\(scope),SignedHeaders=\(names),Signature=\(signature)"
            ))
        return all
    }

    private func key(_ day: String) -> [UInt8] {
        var key = Array("AWS4\(secretKey)".utf8)
        for part in [day, region, Self.service, "aws4_request"] { key = Self.code(part, key: key) }
        return key
    }

    private static func code(_ text: String, key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key)))
    }

    /// `20130524T000000Z`.
    private static func moment(_ seconds: Int64) -> String {
        Timestamp(microseconds: seconds * 1_000_000).text.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
    }

    private static func trimmed(_ value: String) -> String {
        value.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }

    /// A query with its parts in their order, encoded.
    static func query(_ parts: [(name: String, value: String)]) -> String {
        parts.map { (PercentText.encoded($0.name), PercentText.encoded($0.value)) }.sorted { $0 < $1 }.map {
            "\($0.0)=\($0.1)"
        }
        .joined(separator: "&")
    }
}

/// Text as URLs have it.
public enum PercentText {
    /// Everything but letters, digits and `-._~` as `%XX`.
    ///
    /// - Parameter keepsSlashes: whether `/` stays, as in a path.
    public static func encoded(_ text: String, keepsSlashes: Bool = false) -> String {
        var out = ""
        for byte in text.utf8 {
            if byte &- 48 < 10 || byte &- 65 < 26 || byte &- 97 < 26 || "-._~".utf8.contains(byte)
                || keepsSlashes && byte == 0x2f
            {
                out.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                out += "%" + Hex.text([byte]).uppercased()
            }
        }
        return out
    }
}

/// Bytes as hexadecimal digits in lower case.
public enum Hex {
    private static let digits = Array("0123456789abcdef".unicodeScalars)

    public static func text(_ bytes: some Sequence<UInt8>) -> String {
        var out = String.UnicodeScalarView()
        for byte in bytes {
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
        return String(out)
    }
}
