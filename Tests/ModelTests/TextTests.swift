import Model
import Testing

@Suite struct TextTests {
    /// What Swift takes for one character is two to an engine and to the system.
    @Test(arguments: [
        ("plain", "\"plain\""), ("a\"b", "\"a\"\"b\""), ("\"", "\"\"\"\""), ("", "\"\""),
        ("a\"\u{301}; DROP TABLE t; --", "\"a\"\"\u{301}; DROP TABLE t; --\""),
        ("\"\u{200d}", "\"\"\"\u{200d}\""), ("nul\0byte", "\"nul\u{fffd}byte\""), ("it's", "\"it's\""),
    ])
    func quotesAreDoubled(_ text: String, _ expected: String) {
        #expect(Array(QuotedText.enclosed(text, in: "\"").unicodeScalars) == Array(expected.unicodeScalars))
    }

    @Test(arguments: [
        ("a/b.csv", true), ("a", true), ("..b/c..", true), ("", false), ("/a", false), ("a/", false), ("a//b", false),
        ("..", false), ("a/../b", false), ("./a", false), ("a\0b", false), ("../\u{301}a", false),
        ("a/..\u{2f}\u{301}b", false), ("a/\u{301}b", true),
    ])
    func pathsStayInside(_ path: String, _ stays: Bool) { #expect(PathText.staysInside(path) == stays) }

    @Test func stepsAreThoseOfTheSystem() {
        #expect(PathText.steps("/a//b/\u{301}c/") == ["a", "b", "\u{301}c"])
        #expect(PathText.hasDots("x/../\u{301}y") && PathText.hasDots("./x") && !PathText.hasDots("..x/y"))
        #expect(PathText.isName("a.csv") && !PathText.isName("a/\u{301}b") && !PathText.isName(".."))
    }
}
