import Model
import Testing

@testable import Connectors

@Suite("Mail")
struct MailTests {
    private static let policy = OutboundPolicy(allowed: [AddressRange("127.0.0.0/8")].compactMap { $0 })

    private static func mail(_ subject: String, text: String = "x", html: String? = nil) throws -> MailMessage {
        MailMessage(
            id: "msg_1", from: try #require(MailAddress("Ann Ö <ann@x.example>")),
            to: try #require(MailAddress.list("bob@y.example, \"C, D\" <c@y.example>")), subject: subject, text: text,
            html: html, seconds: 1_700_000_000)
    }

    @Test(
        "No text can begin a header, a part or a command",
        arguments: ["a\r\nBcc: e@vil.example", "a\nX: y", "\u{2028}b", "ä\r\n.\r\nQUIT"])
    func injection(_ text: String) throws {
        let bytes = try Self.mail(text, text: text, html: text).bytes
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        let known = [
            "Date:", "From:", "To:", "Subject:", "Message-ID:", "Auto-Submitted:", "webhook-id:", "MIME-Version:",
            "Content-Type:",
        ]
        let head = lines.prefix { !$0.isEmpty }
        for line in head { #expect(line.hasPrefix(" ") || known.contains { line.hasPrefix($0) }, "\(line)") }
        for line in lines {
            #expect(
                line.utf8.count <= 200 && !line.hasPrefix(".") && line.utf8.allSatisfy { (0x20...0x7e).contains($0) })
        }
    }

    @Test("Headers are as others read them")
    func headers() throws {
        let text = String(decoding: try Self.mail("Grüße 🎉", html: "<b>x</b>").bytes, as: UTF8.self)
        #expect(text.contains("Subject: =?utf-8?B?R3LDvMOfZSDwn46J?=\r\n"))
        #expect(text.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"))
        #expect(text.contains("To: bob@y.example,\r\n \"C, D\" <c@y.example>\r\n"))
        #expect(text.contains("Message-ID: <msg_1@x.example>\r\n"))
        #expect(text.contains("multipart/alternative; boundary=\"_part_msg_1\"\r\n\r\n--_part_msg_1\r\n"))
        #expect(text.hasSuffix("--_part_msg_1--\r\n"))
        #expect(MailMessage.date(0) == "Thu, 01 Jan 1970 00:00:00 +0000")
        #expect(MailMessage.date(951_782_400) == "Tue, 29 Feb 2000 00:00:00 +0000")
    }

    @Test(
        "What is no address is refused",
        arguments: [
            "", "ann", "@x", "ann@", "a b@x", "ann@x\r\nBcc: y@z", "<ann@x", "ann@-x", "a@b@c", "\"a b\"@x", "ann@x..y",
            "A\n <a@x>",
            "ann@x>, <b@y",
        ])
    func addresses(_ text: String) { #expect(MailAddress(text) == nil) }

    @Test("A mail arrives as it was sent, at those it is for, after a log-in")
    func arrives() async throws {
        try await MailServerStub.with(.takes) { stub in
            let server = try MailServer("127.0.0.1:\(stub.port)", security: .none, username: "u", password: "p w")
            let client = MailClient(policy: Self.policy, resolver: SystemResolver())
            let mail = try Self.mail("Hello", text: ".\r\nfirst")
            let result = await client.send(mail, by: server, sender: mail.from, timeout: .seconds(20))
            #expect(result.answer?.status == 250, "\(result)")
            let lines = stub.lines
            #expect(lines.first == "EHLO x.example" && lines.contains("MAIL FROM:<ann@x.example>"))
            #expect(lines.filter { $0.hasPrefix("RCPT") } == ["RCPT TO:<bob@y.example>", "RCPT TO:<c@y.example>"])
            #expect(lines.contains { $0.hasPrefix("AUTH PLAIN") } && lines.contains("Lg0KZmlyc3Q="))
        }
    }

    @Test("Without TLS nothing is said to who must offer it, nor to private addresses")
    func encryption() async throws {
        try await MailServerStub.with(.takes) { stub in
            let from = try #require(MailAddress("a@x.example"))
            let server = try MailServer("127.0.0.1:\(stub.port)", security: .startTLS, username: "u", password: "p")
            let allowed = MailClient(policy: Self.policy, resolver: SystemResolver())
            #expect(await allowed.send(nil, by: server, sender: from, timeout: .seconds(20)).failure?.code == .tls)
            #expect(!stub.lines.contains { $0.hasPrefix("AUTH") })
            let shut = MailClient(policy: OutboundPolicy(), resolver: SystemResolver())
            for host in ["127.0.0.1", "localhost", "[::1]"] {
                let server = try MailServer("\(host):\(stub.port)", security: .startTLS)
                let result = await shut.send(nil, by: server, sender: from, timeout: .seconds(20))
                #expect(result.failure?.code == .blockedAddress && result.peer == nil, "\(result)")
            }
            for text in ["u@127.0.0.1", "x/y", "0x7f.1", "", "h:0", "smtp://x"] {
                #expect(throws: ConnectorError.self) { try MailServer(text, security: .tls) }
            }
            #expect(try MailServer("x.example", security: .tls).port == 465)
            #expect(try MailServer("x.example", security: .startTLS).port == 587)
        }
    }
}
