import Model
import Testing

@Suite("Times are read and written")
struct TimestampTests {
    @Test(arguments: [
        ("2011-10-01T00:38:44.546+02:00", "2011-09-30T22:38:44.546000Z"),
        ("2024-01-02 03:04:05", "2024-01-02T03:04:05.000000Z"),
        ("2024-02-29", "2024-02-29T00:00:00.000000Z"),
        ("2024-01-02T03:04:05.1234567Z", "2024-01-02T03:04:05.123456Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"),
        ("2026-11-24T17:11:57.588+00:00", "2026-11-24T17:11:57.588000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
    ])
    func reads(_ text: String, _ expected: String) throws {
        #expect(try #require(WrittenTime(text)).timestamp().text == expected)
    }

    @Test(arguments: [
        "", "2024", "2023-02-29", "2024-13-01", "2024-01-02T", "2024-01-02T25:00:00Z", "2024-01-02T03:04:05.Z",
        "2024-01-02T03:04:05+2", "yesterday", "2024-01-02T03:04:05Zx",
    ])
    func refuses(_ text: String) { #expect(WrittenTime(text) == nil) }

    @Test(arguments: [
        ("1349161501", 1_349_161_501_000_000), ("1795540315.337759", 1_795_540_315_337_759), ("-1.5", -1_500_000),
    ])
    func readsEpochSeconds(_ text: String, _ micros: Int64) {
        #expect(Timestamp(epochSeconds: text)?.microseconds == micros)
    }

    @Test(arguments: [
        "", "-", "1.", "1795540315337759", "99999999999999", "9223372036855", "9999999999999", "-9999999999999",
        "999999999999", "1e5", " 1",
    ])
    func refusesEpochSeconds(_ text: String) { #expect(Timestamp(epochSeconds: text) == nil) }

    @Test func base32RoundTrips() {
        for n: UInt64 in [0, 1, 31, 32, 12345, .max] { #expect(Base32.decode(Base32.encode(n)) == n) }
        #expect(Base32.decode("aa") == nil)
        #expect(PersonID("p_b")?.number == 1)
        #expect(PersonID(PersonID(987_654).text) == PersonID(987_654))
    }
}
