package OARmod;

# What A-REX's information provider loads for lrms = OAR. It asks the Python package
# arc_lrms_oar, which asks OAR, and hands on the answer; nothing is computed here.

use strict;
use warnings;

use Exporter;
use File::Temp;
use JSON::XS;

use LogUtils;

our @ISA       = qw(Exporter);
our @EXPORT_OK = qw(get_lrms_info get_lrms_options_schema);

our $log = LogUtils->getLogger(__PACKAGE__);

sub get_lrms_options_schema {
    return {
        'queues' => { '*' => { 'users' => [''] } },
        'jobs'   => ['']
    };
}

# The provider does not hand on the name of its configuration file, and its own reader drops
# [custom:oar]; the package reads that file itself.
sub config_file {
    return $CEInfo::configfile if defined $CEInfo::configfile;
    open(my $handle, '<', '/proc/self/cmdline') or return;
    local $/ = undef;
    my @words = split(/\0/, <$handle>);
    close($handle);
    for my $index (0 .. $#words - 1) {
        return $words[ $index + 1 ] if $words[$index] eq '--config';
    }
    return;
}

sub get_lrms_info {
    my ($options) = @_;
    my %asked = map { $_ => $options->{$_} } grep { defined $options->{$_} } qw(queues jobs);
    my $request = File::Temp->new();
    print $request encode_json(\%asked);
    close($request);
    my @command = ('python3', '-m', 'arc_lrms_oar', 'info', '--json', '--options', $request->filename);
    my $config  = config_file();
    push(@command, '--config', $config) if defined $config;
    my ($answer, $said) = run(@command);
    my $info = eval { decode_json($answer) };
    # A-REX keeps its last document when the provider ends with an exit code that is not 0.
    $log->fatal("OAR could not be asked, nothing new is published: $said") unless ref $info eq 'HASH';
    $log->warning($said) if length $said;
    return $info;
}

# What the command prints on its standard output, and in one line what it prints on the other one.
sub run {
    my (@command) = @_;
    my $complaint = File::Temp->new();
    my $answer    = '';
    open(my $stderr, '>&', \*STDERR)   or return ('', "$!");
    open(STDERR, '>', $complaint->filename) or return ('', "$!");
    if (open(my $pipe, '-|', @command)) {
        local $/ = undef;
        $answer = <$pipe>;
        close($pipe);
    }
    open(STDERR, '>&', $stderr);
    local $/ = undef;
    my $said = <$complaint> // '';
    $said =~ s/\s+/ /g;
    $said =~ s/^ | $//g;
    return ($answer, $said);
}

1;
