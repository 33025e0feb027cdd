/// A text between two quotes, of which those in it are doubled: names and constants of SQL, and names of sheets.
public enum QuotedText {
    /// Goes scalar by scalar: a quote that a combining mark follows is one character with it to Swift, and a quote all the same to
    /// whoever reads the statement. NUL, which would end the statement, becomes U+FFFD.
    public static func enclosed(_ text: String, in quote: Unicode.Scalar) -> String {
        var out = String.UnicodeScalarView()
        out.append(quote)
        for scalar in text.unicodeScalars {
            if scalar == quote { out.append(quote) }
            out.append(scalar == "\0" ? "\u{fffd}" : scalar)
        }
        out.append(quote)
        return String(out)
    }
}
