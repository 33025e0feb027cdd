import Testing

@testable import EventStore

@Suite struct TokenKeyTests {
    @Test(arguments: [
        (#""Zürich""#, #""Zürich""#), (#""Z\u00fcrich""#, #""Zürich""#), (#""\u0041\/b""#, #""A/b""#),
        (#""\ud83d\ude00""#, #""😀""#),
        (#""a\"b\\c""#, #""a\"b\\c""#), (#""\u000a""#, #""\n""#), (#""1.0""#, #""1.0""#), (#""1e0""#, #""1e0""#),
        (#""""#, #""""#),
        ("1", "1"), ("1.0", "1"), ("1e0", "1"), ("100e-2", "1"), ("-1.50", "-1.5"), ("-1.5", "-1.5"),
        ("12.5E0", "12.5"),
        ("123456789012345678901234567890", "123456789012345678901234567890"), ("1e400", "1e400"), ("true", "true"),
        ("false", "false"), (#"{"a":1.0}"#, #"{"a":1.0}"#), (#"[1e0]"#, #"[1e0]"#),
    ])
    func whatSaysTheSameIsWrittenTheSame(token: String, key: String) {
        var out: [UInt8] = []
        TokenText.appendKey(of: Array(token.utf8).span, to: &out)
        #expect(String(decoding: out, as: UTF8.self) == key)
    }
}
