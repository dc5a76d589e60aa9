{{- /* Certificates by ACME, HTTP-01 alone: {hosts, letsencrypt, hsts}. Ports 80 and 443 of the service lead to 8080 and 8443. */ -}}
{{- define "lab-hub.caddyfile" }}
{
	admin off
	http_port 8080
	https_port 8443
	storage file_system /certificates
	servers {
		protocols h1 h2
	}
}
{{ range .hosts }}{{ . }} {{ end }}{
	tls {
		issuer acme {
			dir {{ .letsencrypt.acmeServer }}
			email {{ .letsencrypt.contactEmail }}
			disable_tlsalpn_challenge
		}
	}
	header Strict-Transport-Security {{ .hsts | quote }}
	reverse_proxy proxy-http:8000
}
http:// {
	respond "no such name here" 404
}
{{- end }}
