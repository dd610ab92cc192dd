"""``python -m mmssod.environment``: print what is installed and what it runs on."""

from mmssod.environment.report import collect, format_report

if __name__ == '__main__':
    print(format_report(collect()))
