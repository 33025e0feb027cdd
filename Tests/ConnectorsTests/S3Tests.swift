import Testing

@testable import Connectors

/// The examples of AWS's documentation of Signature Version 4 for S3.
@Suite("Requests to S3 are signed as AWS's examples are")
struct S3SignatureTests {
    private static let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    private let signature = SignatureV4(
        accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", sessionToken: nil,
        region: "us-east-1")

    private func sign(
        _ method: String, _ path: String, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], payload: String = empty
    ) -> String {
        let all = signature.headers(
            method: method, host: "examplebucket.s3.amazonaws.com", path: path, query: query, headers: headers,
            payload: payload, seconds: 1_369_353_600)
        #expect(all.contains { $0 == ("x-amz-date", "20130524T000000Z") })
        return all.last.map { String($0.value.suffix(64)) } ?? ""
    }

    @Test("An object in part")
    func get() {
        #expect(
            sign("GET", "/test.txt", headers: [("range", "bytes=0-9")])
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    }

    @Test("A name with marks, and a body")
    func put() {
        #expect(
            sign(
                "PUT", "/" + PercentText.encoded("test$file.text"),
                headers: [
                    ("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ], payload: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
                == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    }

    @Test("A query without a value, and one with several parts")
    func query() {
        #expect(
            sign("GET", "/", query: [("lifecycle", "")])
                == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
        #expect(
            sign("GET", "/", query: [("prefix", "J"), ("max-keys", "2")])
                == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test("Answers are read, with marks in names")
    func document() {
        let page = S3Document(
            Array(
                "<R><IsTruncated>false</IsTruncated><Contents><Key>a&amp;b&#x2f;c&#13;</Key><Size>3</Size></Contents><Contents><Key>é</Key></Contents></R>"
                    .utf8))
        #expect(page.elements("Contents").map { $0["Key"] } == ["a&b/c\r", "é"])
        #expect(page["IsTruncated"] == "false" && page["Size"] == "3" && page["Code"] == nil)
    }

    @Test("A file has as many parts as S3 takes")
    func parts() {
        let mebi: Int64 = 1 << 20
        #expect(S3Parts(bytes: 0, size: 8 * mebi).isSingle)
        #expect(S3Parts(bytes: 8 * mebi, size: 8 * mebi).count == 1)
        let two = S3Parts(bytes: 8 * mebi + 1, size: 8 * mebi)
        #expect(two.count == 2 && two.range(1).offset == 8 * mebi && two.range(1).count == 1)
        #expect(S3Parts(bytes: 5_000_000 * mebi, size: 8 * mebi).count <= 9_000)
    }
}
