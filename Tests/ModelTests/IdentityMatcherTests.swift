import Model
import Testing

@Suite("Identities in raw texts of refused inputs")
struct IdentityMatcherTests {
    @Test(
        "A whole value is found, however it is written",
        arguments: [
            (#"{"identity":"ann@x.io","event":""}"#, "ann@x.io"),
            ("/e?_p=ann%40x.io&_n=", "ann@x.io"),
            ("/e?_p=ann%40x.io", "ann@x.io"),
            ("/e?_n=&_p=Ann+Bo&_t=1", "Ann Bo"),
            (#"{"identity":"a\u00e9\"b"}"#, "aé\"b"),
            (#"{"identity":"\ud83d\ude00x"}"#, "😀x"),
            (#"{"_p":"J\303\266rg"}"#, "Jörg"),
            (#"{"p":"{\"id\":\"ann@x.io\"}"}"#, "ann@x.io"),
            ("%7B%22id%22%3A%22a%5Cu00e9%22%7D", "aé"),
            ("ann@x.io,Seen,2024-01-01", "ann@x.io"),
            ("Seen,\"a,\"\"b\"\"\",2024", "a,\"b\""),
            ("ann@x.io", "ann@x.io"),
            (#"{"identity":12}"#, "12"), ("_p=12&_n=x", "12"), ("[12]", "12"), ("a: 12", "12"), ("12|x", "12"),
            ("/e?12&", "12"), ("\t12\n", "12"),
            (#"{"identity":"ann@x.io"#, "ann@x.io"),
            (#"{"x":"\q","identity":"ann@x.io"}"#, "ann@x.io"),
            (#"{"x":"\u12","identity":"ann@x.io\"#, "ann@x.io"),
        ])
    func found(_ raw: String, _ identity: String) {
        #expect(IdentityMatcher(["nobody", identity, "zz"]).isNamed(in: raw))
    }

    @Test(
        "A part of a longer value is not",
        arguments: [
            ("2012", "12"), ("2024-12-01", "12"), (#"{"time":"12:30"}"#, "12"), ("12.5", "12"), ("x12", "12"),
            (#"{"identity":"ann@x.io.uk"}"#, "ann@x.io"), (#"{"identity":"joann@x.io"}"#, "ann@x.io"),
            ("_p=bob%2Bann%40x.io", "ann@x.io"), ("", "a"), ("%4", "4"), ("a", ""), (#"{"":""}"#, ""),
            (#"{"identity":"ANN"}"#, "ann"), ("%", "%%"), (#"\"#, #"\\"#),
        ])
    func notFound(_ raw: String, _ identity: String) {
        #expect(!IdentityMatcher([identity]).isNamed(in: raw))
    }

    @Test("Nobody is in anything")
    func nobody() {
        #expect(!IdentityMatcher([]).isNamed(in: "a"))
    }

    @Test("Any identity is found in a native item and in a call, and random bytes are read")
    func random() throws {
        var random = SeededRandom(seed: 7)
        let alphabet = Array("ab12 \"\\'=&,;:+%{}[]é😀\u{1}/").map { $0 }
        for _ in 0..<3_000 {
            let text = String(
                (0..<Int.random(in: 1...12, using: &random)).map { _ in
                    alphabet.randomElement(using: &random) ?? "a"
                })
            let item = JSONValue.object([.init("identity", .string(text)), .init("event", .string(""))]).text
            #expect(IdentityMatcher([text]).isNamed(in: item), "\(item)")
            let encoded = text.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            #expect(IdentityMatcher([text]).isNamed(in: "/e?_k=&_p=\(encoded)&_n="), "\(text)")
            let bytes = (0..<40).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = IdentityMatcher([text]).isNamed(in: bytes.span)
        }
    }
}

/// SplitMix64, so that a failure comes again.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
